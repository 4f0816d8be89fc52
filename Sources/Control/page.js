// The page of PeekFS. It asks the daemon's API as any other program does, and puts every value into the document as text.

const $ = (id) => document.getElementById(id);
const kinds = ["scenes", "performers", "studios", "tags", "groups", "galleries", "images"];
const suggested = ["performer", "studio", "tag", "scene", "group"];

// MARK: Making elements

/** An element with properties and children; strings become text and nothing else. */
function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (key === "class") node.className = value;
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key in node && typeof value !== "string") node[key] = value;
    else if (value !== undefined && value !== null) node.setAttribute(key, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const button = (label, action, properties = {}) =>
  el("button", { type: "button", on: { click: action }, ...properties }, label);

// MARK: Words

const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
/** Messages are lower-case clauses; an address at the front stays as it is. */
const sentence = (text) => (text ? (/^\w+:/.test(text) ? text : text[0].toUpperCase() + text.slice(1)) + (/[.!?]$/.test(text) ? "" : ".") : "");

function bytes(count) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  while (count >= 1024 && place < units.length - 1) { count /= 1024; place += 1; }
  return `${place === 0 ? count : count.toFixed(1)} ${units[place]}`;
}

function ago(date) {
  const seconds = (Date.now() - date.getTime()) / 1000;
  if (seconds < 45) return "just now";
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (seconds < 3600) return words.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86400) return words.format(-Math.round(seconds / 3600), "hour");
  if (seconds < 86400 * 14) return words.format(-Math.round(seconds / 86400), "day");
  return clock.format(date);
}

/** Times come as RFC 3339 or as seconds since 1970. */
const date = (value) => (value === null || value === undefined ? null : new Date(typeof value === "number" ? value * 1000 : value));

const shown = new Map();
/** Whether a part of the page has something new to show. What is as before is left alone, and with it the focus in it. */
function isNews(part, value) {
  const text = JSON.stringify(value);
  if (shown.get(part) === text) return false;
  shown.set(part, text);
  return true;
}

let noticeTimer;
function say(text) {
  $("notice").textContent = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { $("notice").textContent = ""; }, 6000);
}

// MARK: The API

/** What the daemon said no to. */
class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `the daemon answered ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

let token = "";
try { token = sessionStorage.getItem("token") ?? ""; } catch { /* without storage it is asked for again after a reload */ }

function remember(value) {
  token = value;
  try { sessionStorage.setItem("token", value); } catch { /* as above */ }
}

function headers(more = {}) { return token ? { ...more, Authorization: `Bearer ${token}` } : more; }

async function ask(method, path, body) {
  const options = { method, headers: headers() };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try { response = await fetch(path, options); } catch { throw new Refusal(0, { detail: "the daemon does not answer" }); }
  if (response.status === 401) lock();
  if (!response.ok) throw new Refusal(response.status, await response.json().catch(() => ({})));
  return response.status === 204 ? null : response.json().catch(() => null);
}

/** Reports what failed where nothing better can be done about it. */
async function attempt(action) {
  try { return await action(); } catch (error) {
    if (error instanceof Refusal && error.status !== 401) say(sentence([error.message, error.problem.hint].filter(Boolean).join("; ")));
    else if (!(error instanceof Refusal)) throw error;
    return undefined;
  }
}

// MARK: The token

function lock() {
  $("locked").hidden = false;
  for (const id of ["welcome", "servers", "doubles", "conflicts", "place"]) $(id).hidden = true;
  $("mounted").textContent = "Locked";
}

$("unlock").addEventListener("submit", async (event) => {
  event.preventDefault();
  // The whole address may have been pasted.
  remember($("token").value.trim().replace(/^.*#token=/, ""));
  try {
    await ask("GET", "/api/status");
    $("locked").hidden = true;
    $("token").value = "";
    start();
  } catch (error) { $("token-fault").textContent = error.status === 401 ? "This is not the token." : sentence(error.message); }
});

// MARK: Servers

let status = null;
const cards = new Map();
const running = new Map();
const health = new Map();
/** Whose sync a person has asked for here. */
const asked = new Set();

/** The form for a server, new or known. */
function serverForm(known, done, cancel) {
  const id = (name) => `${known ? "edit" : cancel ? "add" : "first"}-${name}`;
  const field = (name, label, input, hint) => {
    const fault = el("p", { class: "fault", id: id(`${name}-fault`), role: "alert" });
    input.id = id(name);
    input.setAttribute("aria-describedby", fault.id);
    return { input, fault, node: el("div", { class: "field" }, el("label", { for: input.id }, label), input, hint && el("p", { class: "hint" }, hint), fault) };
  };
  const plain = { autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
  const url = field("url", "Address", el("input", { ...plain, type: "url", inputmode: "url", placeholder: "http://nas:9999", required: true }), "What you open in a browser to see Stash.");
  const key = field("key", "API key", el("input", { ...plain, type: "password", autocomplete: "new-password", placeholder: known?.hasApiKey ? "unchanged" : "none" }),
    "Only for a Stash with a password. It is shown there under Settings, Security.");
  const name = field("name", "Name", el("input", { ...plain, required: true, maxlength: "100" }), "Becomes the name of its directory below instances/.");
  const trust = el("select", { id: id("trust") }, el("option", { value: "system" }, "The certificates that this machine believes"), el("option", { value: "insecure" }, "Any certificate"));
  const dropKey = el("input", { type: "checkbox" });
  const found = el("p", { class: "found", role: "status" });
  const fields = [url, key, name];
  if (known?.tls === "file") trust.append(el("option", { value: "file" }, `The one in ${known.caFile}`));
  if (known) { url.input.value = known.url; name.input.value = known.name; trust.value = known.tls; }
  let isNamed = Boolean(known);
  name.input.addEventListener("input", () => { isNamed = name.input.value !== ""; });
  url.input.addEventListener("input", () => { if (!isNamed) name.input.value = suggestedName(url.input.value); });

  const clear = () => {
    found.textContent = "";
    for (const one of fields) { one.fault.replaceChildren(); one.input.removeAttribute("aria-invalid"); }
  };
  const blame = (one, text, hint) => {
    one.fault.replaceChildren(sentence(text), ...(hint ? [el("span", { class: "mend" }, sentence(hint))] : []));
    one.input.setAttribute("aria-invalid", "true");
    one.input.focus();
  };
  /** Says it beside the field that a person has to look at. */
  const refuse = ({ message, problem }) => {
    const isAboutKey = ["needs-key", "wrong-key", "key-but-server-has-none"].includes(problem.diagnosis) || /API key/.test(message);
    const isAboutName = !problem.diagnosis && (problem.code === "exists" || /name/.test(message));
    blame(isAboutKey ? key : isAboutName ? name : url, message, words(problem.hint));
  };
  /** What of the connection is other than what is stored. */
  const connection = () => {
    const value = {};
    const address = url.input.value.trim();
    if (address !== known?.url) value.url = address;
    if (key.input.value.trim()) value.apiKey = key.input.value.trim();
    else if (dropKey.checked) value.apiKey = null;
    if (trust.value !== (known?.tls ?? "system")) value.tls = trust.value;
    return value;
  };
  const settings = () => ({ ...connection(), ...(name.input.value.trim() === known?.name ? {} : { name: name.input.value.trim() }) });
  const busy = async (action) => {
    clear();
    for (const one of form.querySelectorAll("button")) one.disabled = true;
    try { return await action(); } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      for (const one of form.querySelectorAll("button")) one.disabled = false;
      refuse(error);
      return undefined;
    } finally { for (const one of form.querySelectorAll("button")) one.disabled = false; }
  };
  const test = () => busy(async () => {
    const changed = connection();
    const isAsStored = known && Object.keys(changed).length === 0;
    const tested = isAsStored ? { id: known.id } : { tls: trust.value, ...changed, url: url.input.value.trim() };
    if (tested.tls === "file") { delete tested.tls; tested.caFile = known.caFile; }
    // What is not given is no key here; null is for what is stored.
    if (tested.apiKey === null) delete tested.apiKey;
    if (known?.hasApiKey && !isAsStored && !tested.apiKey && !dropKey.checked) return blame(key, "type the key again to test another connection", "the stored one never leaves for another address unseen");
    const report = await ask("POST", "/api/setup/stash-instance/test", tested);
    if (report.ok) found.textContent = sentence(report.message);
    else throw new Refusal(422, { detail: report.message, hint: report.hint, diagnosis: report.code });
  });
  const form = el("form", { novalidate: true, on: { submit: (event) => {
    event.preventDefault();
    clear();
    for (const one of [url, name]) if (!one.input.value.trim()) return blame(one, one === url ? "write where it is, such as http://nas:9999" : "give it a name");
    busy(async () => {
      const answer = known ? await ask("PUT", `/api/setup/stash-instance/${known.id}`, settings()) : await ask("POST", "/api/setup/stash-instance", settings());
      await done(answer);
    });
  } } },
    url.node, key.node, known?.hasApiKey && el("label", { class: "check" }, dropKey, "Forget the key: this Stash needs none"), name.node,
    el("details", {}, el("summary", {}, "Encryption"), el("div", { class: "field" }, el("label", { for: trust.id }, "Over https, believe"), trust,
      el("p", { class: "hint" }, "With any certificate, somebody in between can pretend to be the server. For a certificate of your own use ", el("code", {}, "peekfs instance set NAME --ca-file FILE"), "."))),
    found,
    el("div", { class: "buttons" }, cancel && button("Cancel", cancel), button("Test", test), el("button", { class: "primary" }, known ? "Save" : cancel ? "Add" : "Connect")));
  return form;
}

/** Hints name options of the command line; here they are fields. */
const words = (hint) => hint && Object.entries({
  "and give it with --api-key-file": "and paste it here",
  "give one with --api-key-file or --api-key-stdin, or say --keep-api-key or --no-api-key": "type the key of the new address",
  "leave the key out of the address and give it with --api-key-file or --api-key-stdin": "leave the key out of the address and give it by itself",
  "for a certificate of one's own give it with --ca-file, or --insecure-tls to trust any": "for a certificate of your own, look under Encryption",
  "; or store it untested with --no-test": "",
}).reduce((text, [option, field]) => text.replace(option, field), hint);

/** `http://nas.lan:9999/x` is called nas. */
function suggestedName(text) {
  try {
    const { hostname } = new URL(text);
    return /^[\d.:[\]]+$/.test(hostname) ? "stash" : hostname.split(".")[0];
  } catch { return ""; }
}

function openEditor(title, known) {
  $("editor-title").textContent = title;
  const close = () => $("editor").close();
  $("editor-form").replaceChildren(serverForm(known, async (saved) => {
    close();
    say(known ? `${saved.name} was saved.` : `${saved.name} was added and is being read.`);
    await refresh();
  }, close));
  $("editor").showModal();
}

function openRemoval(instance) {
  $("removal-title").textContent = `Remove ${instance.name}?`;
  $("purge").checked = false;
  $("removal-kept").hidden = false;
  $("removal-values").textContent = instance.values > 0 ? ` (${number.format(instance.values)} values)` : "";
  $("removal-fault").textContent = "";
  $("removal").dataset.id = instance.id;
  $("removal").dataset.name = instance.name;
  $("removal").showModal();
  $("removal-cancel").focus();
}
$("purge").addEventListener("change", () => { $("removal-kept").hidden = $("purge").checked; });
$("removal-cancel").addEventListener("click", () => $("removal").close());
$("removal-confirm").addEventListener("click", async () => {
  const { id, name } = $("removal").dataset;
  try {
    await ask("DELETE", `/api/setup/stash-instance/${id}${$("purge").checked ? "?purge=true" : ""}`);
    $("removal").close();
    say(`${name} was removed.`);
    await refresh();
  } catch (error) { $("removal-fault").textContent = sentence(error.message); }
});
$("add").addEventListener("click", () => openEditor("Add a server"));
$("sync-all").addEventListener("click", () => attempt(async () => { await ask("POST", "/api/sync", {}); say("All servers are asked what is new."); }));

/** What is shown of one server, kept in place so that the focus stays where it is. */
class Card {
  constructor(id) {
    this.id = id;
    this.switch = el("input", { type: "checkbox", role: "switch", class: "switch", on: { change: () => this.toggle() } });
    this.name = el("h3");
    this.badge = el("span", { class: "badge" });
    this.url = el("p", { class: "url" });
    this.numbers = el("p", { class: "numbers" });
    this.last = el("p", { class: "last" });
    this.bar = el("progress");
    this.stage = el("span");
    this.progress = el("div", { class: "progress", hidden: true }, this.stage, this.bar);
    this.leftOut = el("details", { class: "left-out" });
    this.handle = el("span", { class: "handle", title: "Drag to another place", draggable: true, "aria-hidden": "true" }, "⠿");
    this.up = button("↑", () => move(this.id, -1), { class: "icon" });
    this.down = button("↓", () => move(this.id, 1), { class: "icon" });
    this.sync = button("Sync now", () => attempt(async () => { await ask("POST", "/api/sync", { instances: [this.id] }); this.begin(); }));
    this.edit = button("Edit", () => openEditor(`Edit ${this.instance.name}`, this.instance));
    this.remove = button("Remove …", () => openRemoval(this.instance), { class: "quiet" });
    this.node = el("li", { class: "card server", data: { id } }, this.switch,
      el("div", { class: "what" }, el("div", { class: "title" }, this.name, this.badge), this.url, this.numbers, this.last, this.progress, this.leftOut),
      el("div", { class: "actions" }, this.sync, this.edit, this.remove, el("div", { class: "order" }, this.handle, this.up, this.down)));
    this.drag();
  }

  show(server, place, count) {
    const instance = server.instance;
    this.server = server;
    this.instance = instance;
    this.node.classList.toggle("off", !instance.enabled);
    this.switch.checked = instance.enabled;
    this.switch.setAttribute("aria-label", `Use ${instance.name}`);
    this.name.textContent = instance.name;
    this.url.textContent = [instance.url, server.version && `Stash ${server.version.replace(/^v/, "")}`, instance.tls === "insecure" && "any certificate is believed"].filter(Boolean).join(" · ");
    const shown = kinds.filter((kind) => server.counts?.[kind]);
    this.numbers.replaceChildren(...shown.map((kind) => el("span", {}, el("b", {}, number.format(server.counts[kind])), ` ${kind}`)));
    for (const [node, label] of [[this.up, "Move up"], [this.down, "Move down"], [this.sync, "Sync"], [this.edit, "Edit"], [this.remove, "Remove"]]) node.setAttribute("aria-label", `${label}: ${instance.name}`);
    this.up.disabled = place === 0;
    this.down.disabled = place === count - 1;
    this.sync.disabled = !instance.enabled;
    this.handle.hidden = this.up.hidden = this.down.hidden = count < 2;
    const left = server.setAside ?? [];
    this.leftOut.hidden = left.length === 0;
    if (left.length) this.leftOut.replaceChildren(el("summary", {}, `${left.length} left out, because the server cannot deliver them`),
      el("ul", {}, left.map((row) => el("li", {}, `${row.kind} ${row.id ?? "?"}: ${row.reason}`))));
    if (server.sync?.stage && !running.has(this.id)) running.set(this.id, server.sync);
    this.showState();
  }

  /** What changes between two looks at the status. */
  showState() {
    const { instance, server } = this;
    const now = running.get(this.id);
    const { word, since, reason } = health.get(this.id) ?? server.state;
    const [label, tone] = !instance.enabled ? ["switched off", ""]
      : word === "up" ? ["up", "good"]
        : word === "down" ? [`down since ${moment(date(since))}`, "bad"]
          : now ? ["connecting", ""] : ["not read yet", ""];
    this.badge.textContent = label;
    this.badge.className = `badge ${tone}`;
    const pass = server.sync?.lastPass;
    const problem = pass?.problem;
    const last = date(server.sync?.lastSuccess);
    const suspects = pass?.suspects ?? [];
    this.last.replaceChildren(...(!instance.enabled ? [] : [
      problem ? el("span", { class: "trouble" }, sentence(`the last sync failed: ${problem.detail}`), " ") : word === "down" && reason ? el("span", { class: "trouble" }, sentence(reason), " ") : "",
      suspects.length ? el("span", { class: "trouble" }, `Much of its ${suspects.join(" and ")} seems to be gone, so nothing was removed. `,
        button("It is gone: remove it here, too", () => attempt(() => ask("POST", "/api/sync", { instances: [this.id], force: true })))) : "",
      !now && last ? `Last synced ${ago(last)}.` : "",
    ]));
    this.last.hidden = this.last.textContent === "";
    this.progress.hidden = !now;
    if (!now) return;
    const counted = now.total > 0;
    this.stage.replaceChildren(el("span", {}, stageWords(now.stage)), el("span", {}, counted ? `${number.format(now.done)} of ${number.format(now.total)}${now.secondsLeft > 1 ? `, ${span(now.secondsLeft)} left` : ""}` : ""));
    if (counted) { this.bar.max = now.total; this.bar.value = now.done; } else this.bar.removeAttribute("value");
    this.bar.setAttribute("aria-label", `Sync of ${instance.name}`);
  }

  begin() { asked.add(this.id); running.set(this.id, { stage: "connecting", done: 0, total: 0 }); this.showState(); }

  async toggle() {
    const enabled = this.switch.checked;
    const changed = await attempt(() => ask("PUT", `/api/setup/stash-instance/${this.id}`, { enabled }).then(() => true));
    if (!changed) this.switch.checked = !enabled;
    await refresh();
  }

  drag() {
    const { node, handle } = this;
    handle.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", this.id);
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setDragImage(node, 20, 20);
      node.classList.add("dragged");
    });
    handle.addEventListener("dragend", () => node.classList.remove("dragged"));
    node.addEventListener("dragover", (event) => { event.preventDefault(); node.classList.add("under"); });
    node.addEventListener("dragleave", () => node.classList.remove("under"));
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      node.classList.remove("under");
      const ids = order();
      const from = ids.indexOf(event.dataTransfer.getData("text/plain"));
      if (from >= 0) move(ids[from], ids.indexOf(this.id) - from);
    });
  }
}

const stageWords = (stage) => ({ connecting: "Connecting", deriving: "Putting the library together", sidecars: "Looking at captions and pictures" })[stage] ?? `Reading ${stage}`;
const span = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);
const moment = (time) => (Date.now() - time.getTime() < 43200000 ? time.toLocaleTimeString("en", { timeStyle: "short" }) : clock.format(time));
const order = () => status.instances.map((server) => server.instance.id);

/** Brings a server to another place: their priorities become 10, 20, 30 … in the new order. */
async function move(id, steps) {
  const ids = order();
  const from = ids.indexOf(id);
  const to = Math.max(0, Math.min(ids.length - 1, from + steps));
  if (from === to) return;
  ids.splice(to, 0, ids.splice(from, 1)[0]);
  const known = new Map(status.instances.map((server) => [server.instance.id, server.instance]));
  await attempt(async () => {
    for (const [place, each] of ids.entries()) {
      const priority = (place + 1) * 10;
      if (known.get(each).priority !== priority) await ask("PUT", `/api/setup/stash-instance/${each}`, { priority });
    }
  });
  await refresh();
  const card = cards.get(id);
  (steps < 0 ? [card.up, card.down] : [card.down, card.up]).find((one) => !one.disabled)?.focus();
  say(`${known.get(id).name} is now number ${to + 1}.`);
}

function showServers() {
  const servers = status.instances;
  const none = servers.length === 0;
  if (none && $("welcome").hidden) {
    $("welcome-form").replaceChildren(serverForm(null, async (saved) => {
      say(`${saved.name} is connected, and its library is being read.`);
      await refresh();
      $("servers-title").focus();
    }));
  }
  $("welcome").hidden = !none;
  $("servers").hidden = none;
  // With one server there is nothing to compare.
  for (const id of ["doubles", "conflicts"]) $(id).hidden = servers.length < 2;
  $("order-hint").hidden = servers.length < 2;
  const wanted = new Set(order());
  for (const [id, card] of cards) if (!wanted.has(id)) { card.node.remove(); cards.delete(id); running.delete(id); health.delete(id); }
  servers.forEach((server, place) => {
    const id = server.instance.id;
    if (!cards.has(id)) cards.set(id, new Card(id));
    const card = cards.get(id);
    card.show(server, place, servers.length);
    const there = $("cards").children[place];
    if (there !== card.node) $("cards").insertBefore(card.node, there ?? null);
  });
}

function showPlace() {
  const { mount, cache } = status;
  $("mounted").textContent = mount?.mounted ? `Mounted on ${mount.path}` : mount ? `About to mount on ${mount.path}` : "Not mounted";
  const rows = [
    ["Mounted on", mount?.mounted ? mount.path : "nowhere"],
    ["Since", mount?.since && `${clock.format(date(mount.since))}, by process ${mount.pid}`],
    ["What people said", status.stateDir],
    ["What servers said", status.cacheDir],
  ];
  const facts = el("dl", {}, rows.filter(([, value]) => value).map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
  if (cache) {
    const kept = (cache.instances ?? []).reduce((sum, each) => sum + each.bytes, 0);
    const value = el("dd", {}, `${bytes(kept)} in ${cache.directory}`, Number.isFinite(cache.free) ? `, ${bytes(cache.free)} free there` : "");
    for (const each of (cache.instances ?? []).filter(({ files }) => files > 0)) value.append(el("div", {}, el("small", { class: "faint" }, `${each.name}: ${bytes(each.bytes)} of ${number.format(each.files)} ${each.files === 1 ? "file" : "files"}`)));
    facts.append(el("dt", {}, "Kept on the disk"), value);
  }
  $("facts").replaceChildren(facts);
  $("place").hidden = status.instances.length === 0;
}

// MARK: One thing on several servers

$("doubles-kind").append(el("option", { value: "" }, "everything"));
for (const kind of suggested) $("doubles-kind").append(el("option", { value: kind }, `${kind}s`));
$("doubles-kind").addEventListener("change", () => attempt(showDoubles));

const named = (thing) => thing.title || thing.id;
const side = (thing) => el("div", { class: "side" }, el("b", {}, named(thing)), el("small", { class: "faint" }, `${thing.instance ?? "a removed server"} · ${thing.id}`));

async function showDoubles() {
  const kind = $("doubles-kind").value;
  const found = await ask("GET", `/api/merge/suggestions?limit=10${kind && `&kind=${kind}`}`);
  if (!isNews("doubles", [kind, found])) return;
  const pairs = found.suggestions.map((pair) => {
    const link = button("They are one", () => attempt(async () => {
      await ask("POST", "/api/merge/link", { first: pair.first.id, second: pair.second.id });
      say(`${named(pair.first)} is one thing now.`);
      await showMerging();
    }), { "aria-label": `${named(pair.first)} of ${pair.first.instance} and ${named(pair.second)} of ${pair.second.instance} are one` });
    return el("article", { class: "card pair" }, side(pair.first), el("span", { class: "is", "aria-hidden": "true" }, "and"), side(pair.second),
      el("div", { class: "why" }, pair.reasons.map((reason) => el("span", { class: "reason" }, reason.text)), link));
  });
  const rest = found.total - pairs.length;
  $("suggestions").replaceChildren(pairs.length
    ? el("div", { class: "pairs" }, pairs, rest > 0 && el("p", { class: "faint" }, `${number.format(rest)} more after these; the likeliest come first.`))
    : el("p", { class: "card empty" }, `No two ${kind || "thing"}s look like one that are not one already.`));
}

async function showDecisions() {
  const decisions = await ask("GET", "/api/merge/decisions");
  if (!isNews("decisions", decisions)) return;
  $("decided").hidden = decisions.length === 0;
  $("decided-count").textContent = number.format(decisions.length);
  $("decisions").replaceChildren(...decisions.map((decision) => {
    const names = decision.things.map((thing) => `${named(thing)} (${thing.id})`);
    const text = decision.decision === "link" ? `${names.join(" and ")} are one` : `${names[0]} stands by itself`;
    return el("li", {}, el("span", {}, text, decision.inEffect ? "" : el("small", { class: "faint" }, ` — not in effect: ${decision.reason}`)),
      button("Undo", () => attempt(async () => {
        await ask("POST", "/api/merge/undo", { first: decision.things[0].id, ...(decision.things[1] && { second: decision.things[1].id }) });
        await showMerging();
      }), { "aria-label": `Undo: ${text}` }));
  }));
}

// MARK: Where servers disagree

const valueText = (value) => (Array.isArray(value) ? value.join(", ") : value === null || value === undefined ? "—" : typeof value === "object" ? JSON.stringify(value) : String(value));

let conflictsWanted = 10;

async function showConflicts() {
  const found = await ask("GET", `/api/conflicts?limit=${conflictsWanted}`);
  if (!isNews("conflicts", found)) return;
  const rest = found.total - found.conflicts.length;
  const opened = new Set([...document.querySelectorAll(".disagreement[open]")].map((each) => each.dataset.key));
  $("disagreements").replaceChildren(...(found.conflicts.length
    ? [el("div", { class: "card list" }, found.conflicts.map((conflict) => conflictRow(conflict, opened)))]
    : [el("p", { class: "card empty" }, "They agree about everything that they share.")]),
  rest > 0 ? button(`Show more (${number.format(rest)})`, () => { conflictsWanted = Math.min(conflictsWanted * 4, 10000); attempt(showConflicts); }, { class: "more" }) : "");
  $("refused").hidden = found.refused.length === 0;
  $("refused-count").textContent = number.format(found.refused.length);
  $("refusals").replaceChildren(...found.refused.map((refusal) => el("li", {}, el("span", {}, sentence(refusal.explanation)))));
}

function conflictRow(conflict, opened) {
  const split = (thing) => button(`Split off ${thing.id}`, () => attempt(async () => {
    await ask("POST", "/api/merge/split", { thing: thing.id });
    say(`${named(thing)} of ${thing.instance} stands by itself now.`);
    await showMerging();
  }), { title: "It is another thing than the rest" });
  const names = new Map(conflict.members.map((member) => [member.id, member.instance ?? member.id]));
  const key = conflict.members[0].id;
  return el("details", { class: "disagreement", open: opened.has(key), data: { key } },
    el("summary", {}, el("b", {}, conflict.title), " ", el("small", { class: "faint" }, `${conflict.kind}: ${conflict.fields.map((field) => field.field).join(", ")}`)),
    el("table", {}, el("tbody", {}, conflict.fields.map((field) => el("tr", {}, el("th", { scope: "row" }, field.field),
      el("td", {}, field.said.map((said) => el("div", {}, valueText(said.value), " ", el("small", { class: "faint" }, names.get(said.from) ?? said.from),
        said.from === field.shown.from && el("span", { class: "shown" }, " ✓ shown")))))))),
    el("p", { class: "members" }, el("small", { class: "faint" }, "Not the same thing?"), conflict.members.map(split)));
}

const showMerging = () => Promise.all([showDoubles(), showDecisions(), showConflicts()]);

// MARK: What happens meanwhile

async function refresh() {
  try {
    status = await ask("GET", "/api/status");
    // The status is newer than what the stream has told so far.
    health.clear();
    status.instances.sort((a, b) => a.instance.priority - b.instance.priority || String(a.instance.createdAt).localeCompare(String(b.instance.createdAt)));
    $("lost").hidden = true;
    showServers();
    showPlace();
    // To look for doubles takes a while in a large library: only when there may be others than before.
    const library = status.instances.map(({ instance, counts }) => [instance.id, instance.name, instance.enabled, instance.priority, counts]);
    if (status.instances.length > 1 && isNews("library", library)) await attempt(showMerging);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 0) $("lost").hidden = false;
  }
}

function take(event) {
  const card = cards.get(event.instance);
  switch (event.event) {
    case "began": running.set(event.instance, { stage: "connecting", done: 0, total: 0 }); break;
    case "progress": running.set(event.instance, event); break;
    case "health": health.set(event.instance, { word: event.isUp ? "up" : "down", since: event.since, reason: event.reason }); break;
    case "ended":
      running.delete(event.instance);
      // Syncs that nobody asked for and that brought nothing are nobody's business.
      if (event.error) say(sentence(`${event.name} could not be read to its end`));
      else if (asked.delete(event.instance) || event.changed + event.removed > 0) say(`${event.name} was synced: ${number.format(event.changed)} changed, ${number.format(event.removed)} removed.`);
      if (event.changed + event.removed > 0) shown.delete("library");
      soon();
      break;
    case "waiting": if (running.delete(event.instance)) soon(); break;
  }
  if (card) card.showState();
}

let refreshTimer;
function soon() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(refresh, 300);
}

/** Server-sent events by fetch, because EventSource sends no token. */
async function listen() {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 15000)) {
    try {
      const response = await fetch("/api/sync/events", { headers: headers({ Accept: "text/event-stream" }) });
      if (response.status === 401) { isListening = false; return lock(); }
      if (!response.ok) throw new Error(`${response.status}`);
      wait = 1000;
      $("lost").hidden = true;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        rest += value.replaceAll("\r", "");
        for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
          const data = rest.slice(0, end).split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
          if (data) take(JSON.parse(data));
        }
      }
    } catch (error) {
      if (error instanceof SyntaxError) throw error;
    }
    $("lost").hidden = false;
    running.clear();
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    await refresh();
  }
}

// MARK: The start

let isListening = false;
async function start() {
  await refresh();
  if (isListening || !status) return;
  isListening = true;
  listen();
}

// What the stream does not tell, such as a change by a command; and times that pass.
setInterval(() => { if (isListening && !document.hidden && !document.querySelector("dialog[open]")) refresh(); }, 20000);

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  remember(given);
  // Out of the address, and with it out of the history.
  history.replaceState(null, "", location.pathname);
}
start();
