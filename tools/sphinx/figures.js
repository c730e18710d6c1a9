// Starts the figures of this page. It stands at the end of the page's text and runs while the rest still loads: waiting
// for DOMContentLoaded would mean waiting for the theme's half megabyte of icons.
(function () {
  "use strict";
  var store = JSON.parse(document.getElementById("course-figures").textContent);

  /** What anywidget gives a figure in a notebook, without a kernel behind it; `page` is for its card. */
  function model(values, id, alone) {
    var listeners = {};
    return {
      page: { id: id, alone: alone, first: Object.assign({}, values) },
      get: function (name) { return values[name]; },
      set: function (name, value) {
        if (values[name] === value) return;
        values[name] = value;
        (listeners["change:" + name] || []).slice().forEach(function (listener) { listener(); });
      },
      on: function (event, listener) { (listeners[event] = listeners[event] || []).push(listener); },
      off: function (event, listener) {
        listeners[event] = (listeners[event] || []).filter(function (one) { return one !== listener; });
      },
      save_changes: function () {},
    };
  }

  var modules = {};
  function load(name) {
    if (!modules[name]) {
      var url = URL.createObjectURL(new Blob([store.shared, store.modules[name]], { type: "text/javascript" }));
      modules[name] = import(url).finally(function () { URL.revokeObjectURL(url); });
    }
    return modules[name];
  }
  var models = {};  // a figure that is shown twice has one state
  var ids = Object.keys(store.figures).map(function (key) { return store.figures[key].id; });
  function start(place) {
    if (place.dataset.started) return;
    place.dataset.started = "true";
    var key = place.dataset.courseFigure, figure = store.figures[key];
    models[key] = models[key] || model(figure.values, figure.id, figure.alone);
    load(figure.module).then(function (code) {
      code.render({ model: models[key], el: place });
      place.dataset.ready = "true";
    }).catch(function (error) {  // the table stays
      console.error(error);
    });
  }
  // A figure starts a screen before it comes into sight: those far below cost a phone nothing while the page appears.
  var places = Array.prototype.slice.call(document.querySelectorAll("[data-course-figure]"));
  var near = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) { if (entry.isIntersecting) start(entry.target); });
  }, { rootMargin: "100% 0px" });
  places.forEach(function (place) { near.observe(place); });
  window.addEventListener("beforeprint", function () { places.forEach(start); });
  function asked() {  // the figure that an address names sets its state and comes into sight by itself
    if (location.hash.indexOf("#figure=") === 0) places.forEach(start);
  }
  window.addEventListener("hashchange", asked);
  asked();

  /** Say so where an address asks for a figure that is not here. */
  function lost() {
    var asked = /^#figure=([^&]*)/.exec(location.hash), old = document.getElementById("course-figure-lost");
    if (old) old.remove();
    if (!asked || ids.indexOf(asked[1]) >= 0) return;
    var said = document.createElement("p");
    said.id = "course-figure-lost";
    said.setAttribute("role", "alert");
    said.textContent = "The address asks for a figure that is not on this page; nothing was changed.";
    (document.querySelector("main article, main") || document.body).prepend(said);
  }
  window.addEventListener("hashchange", lost);
  lost();
})();
