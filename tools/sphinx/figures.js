// Starts the figures of this page. It stands at the end of the page's text and runs while the rest still loads: waiting
// for DOMContentLoaded would mean waiting for the theme's half megabyte of icons.
(function () {
  "use strict";
  var store = JSON.parse(document.getElementById("course-figures").textContent);

  /** What anywidget gives a figure in a notebook, without a kernel behind it. */
  function model(values) {
    var listeners = {};
    return {
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

  var style = document.createElement("style");
  style.textContent = store.css;
  document.head.appendChild(style);
  var modules = {};
  function load(name) {
    if (!modules[name]) {
      var url = URL.createObjectURL(new Blob([store.modules[name]], { type: "text/javascript" }));
      modules[name] = import(url).finally(function () { URL.revokeObjectURL(url); });
    }
    return modules[name];
  }
  var models = {};  // a figure that is shown twice has one state
  document.querySelectorAll("[data-course-figure]").forEach(function (place) {
    var figure = store.figures[place.dataset.courseFigure];
    load(figure.module).then(function (code) {
      var id = place.dataset.courseFigure;
      models[id] = models[id] || model(figure.values);
      code.render({ model: models[id], el: place });
      place.dataset.ready = "true";
    }).catch(function (error) {  // the table stays
      console.error(error);
    });
  });
})();
