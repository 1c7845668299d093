// The page frame: light or dark, and tables that sort.

(() => {
  "use strict";

  const root = document.documentElement;
  const button = document.getElementById("theme");
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);

  function label() {
    button.textContent = isDark() ? "Light page" : "Dark page";
  }

  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  systemDark.addEventListener("change", label);
  label();
  button.hidden = false;
})();

(() => {
  "use strict";

  const collator = new Intl.Collator("en", { sensitivity: "base", numeric: true });

  // Unmeasured values stand at the end, whichever way the table is sorted.
  function compare(a, b, isNumber, direction) {
    if (a === "" || b === "") return (a === "") - (b === "");
    return direction * (isNumber ? Number(a) - Number(b) : collator.compare(a, b));
  }

  function sort(table, header) {
    const column = header.cellIndex;
    const isNumber = header.classList.contains("number");
    const now = header.getAttribute("aria-sort");
    const first = isNumber ? "descending" : "ascending";
    const next = now === "none" ? first : now === "descending" ? "ascending" : "descending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", next);
    const direction = next === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const value = (row) => row.cells[column].dataset.value;
    body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b), isNumber, direction)));
  }

  for (const table of document.querySelectorAll("[data-sortable]")) {
    table.tHead.addEventListener("click", (event) => {
      if (event.target.closest("button.sort")) sort(table, event.target.closest("th"));
    });
  }
})();
