(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  // Light and dark: what the system says until somebody chooses; nothing is stored.
  const theme = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const tell = () => {
    theme.setAttribute("aria-pressed", String(isDark()));
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  system.addEventListener("change", tell);
  tell();

  // Tables that are cut off at a side show it.
  const sides = (box) => {
    const room = box.scrollWidth - box.clientWidth;
    box.classList.toggle("before", box.scrollLeft > 1);
    box.classList.toggle("after", room - box.scrollLeft > 1);
  };
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => sides(entry.target)));
  for (const box of document.querySelectorAll(".scroll")) {
    watch.observe(box);
    box.addEventListener("scroll", () => sides(box), { passive: true });
  }

  // One panel of several.
  const show = (name, number) => {
    const box = document.querySelector(`[data-panels="${name}"]`);
    [...box.children].forEach((panel, at) => panel.classList.toggle("on", at === number));
  };
  for (const group of document.querySelectorAll("[data-switch]")) {
    group.addEventListener("change", (event) => show(group.dataset.switch, Number(event.target.value)));
  }
  for (const list of document.querySelectorAll("[data-select]")) {
    list.addEventListener("change", () => show(list.dataset.select, Number(list.value)));
  }

  // Sorting: numbers by their value, nothing last whichever way; equal rows stay in their order.
  const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
  const keyOf = (row, column, numeric) => {
    const cell = row.children[column];
    const text = cell.hasAttribute("data-v") ? cell.getAttribute("data-v") : cell.textContent.trim();
    if (text === "") return null;
    return numeric ? Number(text) : text;
  };
  const sort = (table, column, direction) => {
    const heads = [...table.tHead.rows[0].cells];
    const numeric = heads[column].dataset.kind === "number";
    const sign = direction === "descending" ? -1 : 1;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [keyOf(row, column, numeric), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (numeric ? a - b : compare(a, b));
    });
    body.append(...rows.map(([, row]) => row));
    heads.forEach((head, at) => {
      if (head.hasAttribute("aria-sort")) head.setAttribute("aria-sort", at === column ? direction : "none");
    });
    if (table.id === "case-table") {
      const cards = document.getElementById("cards");
      cards.append(...rows.map(([, row]) => document.getElementById(`case-${row.dataset.case}`)));
    }
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const button of table.querySelectorAll("button.sort")) {
      button.addEventListener("click", () => {
        const head = button.closest("th");
        const next = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        sort(table, head.cellIndex, next);
      });
    }
  }

  // Filters of the cases.
  const form = document.getElementById("filters");
  if (form) {
    const rows = [...document.getElementById("case-table").tBodies[0].rows];
    const cards = new Map(rows.map((row) => [row, document.getElementById(`case-${row.dataset.case}`)]));
    const texts = new Map(rows.map((row) => [row, `${row.textContent} ${cards.get(row).textContent}`.toLowerCase()]));
    const search = document.getElementById("f-text");
    const lists = [...form.querySelectorAll("[data-filter]")];
    const status = document.getElementById("shown");
    const apply = () => {
      const wanted = search.value.trim().toLowerCase();
      let count = 0;
      for (const row of rows) {
        const fits = (list) => list.value === "" || row.getAttribute(`data-${list.dataset.filter}`).split(" ").includes(list.value);
        const visible = lists.every(fits) && texts.get(row).includes(wanted);
        row.hidden = !visible;
        cards.get(row).hidden = !visible;
        count += visible;
      }
      status.textContent = `${count} of ${rows.length} cases shown`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      search.value = "";
      for (const list of lists) list.value = "";
      apply();
    });
  }

  // On paper everything is open.
  const opened = [];
  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not([open])")) {
      part.open = true;
      opened.push(part);
    }
  });
  window.addEventListener("afterprint", () => {
    for (const part of opened.splice(0)) part.open = false;
  });
})();
