// The report: charts that filter a list of connections, each of which opens into its ladder.

const ON_A_PAGE = 100;

const NUMBERS = new Set(DATA.numbers);
const told = (value) =>
  Array.isArray(value) ? value.map(told) : typeof value === "number" ? DATA.texts[value] : value;

const ROWS = DATA.rows.map((values, number) => {
  const row = { number };
  DATA.fields.forEach((field, at) => {
    row[field] = NUMBERS.has(field) ? values[at] : told(values[at]);
  });
  row.client = end(row.orig_h, row.orig_p);
  row.server = end(row.resp_h, row.resp_p);
  row.began = row.ts === null ? `connection ${number + 1}` : clock(row.ts);
  row.remarks = remarks(row).join(", ");
  row.searched = null;
  return row;
});

function end(host, port) {
  if (host === null) return "?";
  const shown = host.includes(":") ? `[${host}]` : host;
  return port === null ? shown : `${shown}:${port}`;
}

const SPAN = spanOf(ROWS.map((row) => row.ts));
for (const row of ROWS) row.bar = barOf(row.ts, SPAN);

const COLUMNS = [
  { title: "Began (UTC)", of: (row) => row.ts, shown: (row) => row.began },
  { title: "Client", of: (row) => row.client },
  { title: "Server", of: (row) => row.server },
  { title: "Server name", of: (row) => row.server_name },
  { title: "Remarks", of: (row) => row.remarks, isBad: true },
  { title: "Version", of: (row) => row.version },
  { title: "Cipher suite", of: (row) => row.cipher },
  { title: "Group", of: (row) => row.curve },
  { title: "ALPN", of: (row) => row.next_protocol },
];

function remarks(row) {
  return [
    ...row.weaknesses,
    ...(row.violations ? [plural(row.violations, "violation")] : []),
    ...(row.sni_matches_cert === false ? ["other name in certificate"] : []),
    ...(row.last_alert !== null && row.last_alert !== "close_notify" ? [row.last_alert] : []),
    ...(row.established ? [] : ["not established"]),
  ];
}

const state = {
  chosen: new Map(CHARTS.map((chart) => [chart, new Set()])),
  wide: new Set(),
  range: [0, BARS - 1],
  words: [], // in small letters
  sort: [0, 1],
  page: 0,
  opened: new Set(),
};

const VALUES = new Map(CHARTS.map((chart) => [chart, ROWS.map(chart.of)]));

function isChosen(row, but = null) {
  for (const [chart, chosen] of state.chosen)
    if (chart !== but && chosen.size && !VALUES.get(chart)[row.number].some((value) => chosen.has(value)))
      return false;
  const [from, to] = state.range;
  if (but !== "time" && (from > 0 || to < BARS - 1) && !(row.bar !== null && row.bar >= from && row.bar <= to)) return false;
  if (state.words.length) {
    row.searched ??= Object.values(row).flat().join("\n").toLowerCase();
    if (!state.words.every((word) => row.searched.includes(word))) return false;
  }
  return true;
}

function show() {
  showCharts();
  showList();
}

function showCharts() {
  const focused = document.activeElement?.dataset?.filter;
  const views = CHARTS.map((chart) => {
    const counts = new Map();
    for (const row of ROWS)
      if (isChosen(row, chart))
        for (const value of VALUES.get(chart)[row.number]) counts.set(value, (counts.get(value) ?? 0) + 1);
    const chosen = state.chosen.get(chart);
    if (!chosen.size && (!counts.size || (chart.ifSeveral && counts.size < 2))) return null;
    const choose = (value) => {
      if (!chosen.delete(value)) chosen.add(value);
      state.page = 0;
      show();
    };
    const widen = () => {
      state.wide.add(chart);
      showCharts();
      document.querySelector(`[aria-labelledby="${idOf(chart)}"] button.bar:nth-child(1)`)?.focus();
    };
    return chartView(chart, counts, chosen, choose, state.wide.has(chart), widen);
  });
  document.getElementById("charts").replaceChildren(...views.filter((view) => view));
  timeline?.update(ROWS.filter((row) => isChosen(row, "time")));
  if (focused)
    for (const button of document.querySelectorAll("button.bar"))
      if (button.dataset.filter === focused) button.focus({ preventScroll: true });
}

const counted = element("span", { role: "status" });

function showFilters() {
  const search = element("input", {
    type: "search",
    placeholder: "Search in all fields",
    "aria-label": "Search in all fields",
    input: (event) => {
      state.words = event.target.value.toLowerCase().split(/\s+/).filter((word) => word);
      state.page = 0;
      show();
    },
  });
  const clear = element(
    "button",
    {
      type: "button",
      click: () => {
        for (const chosen of state.chosen.values()) chosen.clear();
        search.value = "";
        state.words = [];
        state.range = [0, BARS - 1];
        state.page = 0;
        showTimeline();
        show();
      },
    },
    "Show all",
  );
  document.getElementById("filters").replaceChildren(search, clear, counted);
}

let timeline = null;

function showTimeline() {
  timeline = timelineView(ROWS, SPAN, state.range, () => {
    state.page = 0;
    show();
  });
  document.getElementById("time").replaceChildren(...(timeline ? [timeline.view] : []));
}

function compare(a, b) {
  const [column, direction] = state.sort;
  const [one, other] = [COLUMNS[column].of(a), COLUMNS[column].of(b)];
  // What is not known comes last, whatever the direction.
  if (one === other) return a.number - b.number;
  if (one === null || one === undefined || one === "") return 1;
  if (other === null || other === undefined || other === "") return -1;
  return direction * (one < other ? -1 : 1);
}

function showList() {
  const rows = ROWS.filter((row) => isChosen(row)).sort(compare);
  const pages = Math.max(1, Math.ceil(rows.length / ON_A_PAGE));
  state.page = Math.min(state.page, pages - 1);
  const begin = state.page * ON_A_PAGE;
  counted.textContent =
    rows.length === ROWS.length
      ? plural(ROWS.length, "connection")
      : `${rows.length.toLocaleString("en")} of ${plural(ROWS.length, "connection")}`;
  const focused = document.activeElement?.closest?.("th")?.cellIndex;
  const turned = document.activeElement?.closest?.("nav") ? document.activeElement.textContent : "";
  const headings = COLUMNS.map((column, at) =>
    element(
      "th",
      { scope: "col", "aria-sort": state.sort[0] === at ? (state.sort[1] > 0 ? "ascending" : "descending") : null },
      element(
        "button",
        {
          type: "button",
          click: () => {
            state.sort = [at, state.sort[0] === at ? -state.sort[1] : 1];
            showList();
          },
        },
        column.title,
      ),
    ),
  );
  const body = element("tbody", {});
  for (const row of rows.slice(begin, begin + ON_A_PAGE)) body.append(...rowView(row));
  document
    .getElementById("connections")
    .replaceChildren(
      pagesView(pages, begin, rows.length),
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of connections" }, element("table", {}, element("thead", {}, element("tr", {}, headings)), body)),
    );
  if (focused >= 0) headings[focused].firstChild.focus();
  if (turned) {
    const buttons = [...document.querySelectorAll("nav.pages button")];
    (buttons.find((each) => each.textContent === turned && !each.disabled) ?? buttons.find((each) => !each.disabled))?.focus();
  }
}

function pagesView(pages, begin, count) {
  if (pages < 2) return element("div", {});
  const turn = (title, by) =>
    element(
      "button",
      {
        type: "button",
        disabled: state.page + by < 0 || state.page + by >= pages,
        click: () => {
          state.page += by;
          showList();
        },
      },
      title,
    );
  const last = Math.min(begin + ON_A_PAGE, count);
  return element(
    "nav",
    { class: "pages", "aria-label": "Pages of the list" },
    turn("Previous", -1),
    `${(begin + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${count.toLocaleString("en")}`,
    turn("Next", 1),
  );
}

function rowView(row) {
  const id = `connection-${row.number}`;
  const toggle = element(
    "button",
    {
      type: "button",
      class: "open",
      "aria-expanded": String(state.opened.has(row.number)),
      "aria-controls": id,
      click: () => {
        const isOpen = !state.opened.delete(row.number);
        if (isOpen) state.opened.add(row.number);
        toggle.setAttribute("aria-expanded", String(isOpen));
        line.classList.toggle("opened", isOpen);
        if (isOpen) line.after(detailOf(row, id));
        else line.nextSibling.remove();
      },
    },
    COLUMNS[0].shown(row),
  );
  const line = element(
    "tr",
    { class: state.opened.has(row.number) ? "opened" : null },
    element("td", {}, toggle),
    COLUMNS.slice(1).map((column) =>
      element("td", { class: column.isBad && column.of(row) ? "bad" : null }, breakable(column.of(row) ?? "")),
    ),
  );
  return state.opened.has(row.number) ? [line, detailOf(row, id)] : [line];
}

const NAMES = {
  uid: "uid",
  proto: "transport",
  ssl_history: "history",
  client_versions: "client offers",
  signature: "server signs with",
  resumed: "resumed",
  last_alert: "last alert",
  sni_matches_cert: "name is in certificate",
  subject: "subject",
  issuer: "issuer",
  not_valid_after: "certificate expires",
  ja3: "JA3",
  ja3s: "JA3S",
  ja4: "JA4",
  cert_chain_fps: "SHA-256 of certificates",
  client_cert_chain_fps: "SHA-256 of the client's",
  file: "capture",
};

// What has been opened stays as it is while the list is sorted and filtered.
const OPENED = new Map();

function detailOf(row, id) {
  if (!OPENED.has(row.number)) OPENED.set(row.number, detailView(row, id));
  return OPENED.get(row.number);
}

function detailView(row, id) {
  const pairs = Object.entries(NAMES)
    .filter(([field]) => row[field] !== null && row[field] !== false && row[field]?.length !== 0)
    .map(([field, name]) => [name, field === "not_valid_after" ? clock(row[field]) : row[field] === true ? "yes" : row[field]]);
  const steps = DATA.steps[row.number];
  return element(
    "tr",
    { id },
    element(
      "td",
      { class: "detail", colspan: COLUMNS.length },
      element(
        "div",
        { class: "in-sight" },
        definitions(pairs),
        steps
          ? ladderView(steps, row.client, row.server)
          : element("p", { class: "quiet" }, "Its bytes are not in this report; --details N asks for more."),
      ),
    ),
  );
}

showTimeline();
showFilters();
show();
