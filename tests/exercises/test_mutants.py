"""Would the cases of an exercise notice one flipped operator or constant of its reference?"""

import pytest
from answers import CODE, EQUIVALENT
from mutants import mutants, survives

SHARE = 0.95  # of all mutants that are not equivalent must fail


@pytest.mark.slow  # seconds
def test_nearly_all_mutants_fail():
    tried = [(key, code) for name in CODE for key, code in mutants(name) if key not in EQUIVALENT]
    passing = [key for key, code in tried if survives(key.split()[0], code)]
    print(f"{len(tried) - len(passing)} of {len(tried)} fail; {len(EQUIVALENT)} are equivalent")
    assert len(tried) >= 300 and len(passing) <= (1 - SHARE) * len(tried), passing


def test_mutants_differ_from_the_reference_and_from_each_other():
    for name in CODE:
        codes = [code for _, code in mutants(name)]
        assert len(set(codes)) == len(codes), name
