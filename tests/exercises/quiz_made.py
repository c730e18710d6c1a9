"""A quiz of a chapter that there is not, for tests: with code, formulas, a table, and a trap."""

import nbformat

from tools import quiz

SOURCE = r"""## Quiz

Open what you would answer.

**1.** A kernel of size $k$ slides over $n$ pixels. How many places has it, if `k <= n`?

<details><summary>$n - k + 1$</summary>

Right. The first place begins at 0, the last at $n - k$.

</details>
<details><summary>$n - k$ & no more</summary>

Not the place at 0: count them for $k = n$.

</details>
<details><summary><code>n // k</code></summary>

That is how many fit side by side:

$$
\left\lfloor \frac{n}{k} \right\rfloor < n
$$

</details>

**2.** What does this print?

```python
print("a" < "b")
```

<details><summary><code>False</code></summary>

Letters have an order, "a" comes first.

</details>

<details><summary><code>True</code></summary>

Right. Strings compare by their letters, as in a dictionary.

</details>

<details><summary>an error</summary>

- Not for two strings,
- only for a string and a number.

</details>

**3.** Which of them is a link?

<details><summary>a word</summary>

No: a word is a word, whatever is said of it.

</details>

<details><summary>a picture</summary>

It shows something, and leads nowhere at all.

</details>

<details><summary>an address</summary>

Right. See [the documentation](https://docs.moodle.org/en/Moodle_XML_format).

</details>
"""


def of(source: str = SOURCE, chapter: str = "02") -> list[quiz.Question]:
    """The questions of such a cell."""
    cell = nbformat.v4.new_markdown_cell(source)
    return [*quiz.questions(nbformat.v4.new_notebook(cells=[cell]), chapter)]
