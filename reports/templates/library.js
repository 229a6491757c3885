"use strict";
const form = document.querySelector(".sift"), shelf = document.querySelector(".shelf");
if (form && shelf) {
  const entries = [...shelf.children], order = new Map(entries.map((entry, place) => [entry, place]));
  const by = {
    period: (a, b) => order.get(a) - order.get(b),
    rank: (a, b) => a.dataset.rank - b.dataset.rank,
    scope: (a, b) => a.dataset.scope.localeCompare(b.dataset.scope),
    number: (a, b) => b.dataset.number - a.dataset.number,
  };
  const sift = () => {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of entries) {
      const text = entry.textContent.toLowerCase();
      entry.hidden = !words.every((word) => text.includes(word))
        || (form.elements.state.value !== "" && entry.dataset.state !== form.elements.state.value)
        || Boolean(form.elements.current?.checked && entry.classList.contains("past"));
    }
    shelf.append(...entries.toSorted((a, b) => by[form.elements.sort.value](a, b) || by.period(a, b)));
    const shown = entries.filter((entry) => !entry.hidden).length;
    form.querySelector("output").value = shown === entries.length ? "" : `${shown} of ${entries.length} reports`;
  };
  const reveal = () => {
    const wanted = document.getElementById(location.hash.slice(1));
    if (wanted?.hidden) {
      form.reset();
      sift();
      wanted.scrollIntoView();
    }
    if (wanted?.classList.contains("entry")) wanted.focus({preventScroll: true});
  };
  form.addEventListener("input", sift);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", reveal);
  window.addEventListener("pageshow", sift);
  form.hidden = false;
}
