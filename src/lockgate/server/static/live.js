// Keeps a page true: listens for events, asks for the page again, and says plainly when the line is lost.
const main = document.querySelector("main[data-live]");
const line = document.getElementById("line");
let stream, lost, planned, asking = false, skew = 0;

function span(seconds) {
  for (const [limit, unit, word] of [[90, 1, "s"], [5400, 60, "min"], [129600, 3600, "h"]])
    if (seconds < limit) return `${Math.max(0, Math.round(seconds / unit))}\u00a0${word}`;
  return `${Math.round(seconds / 86400)}\u00a0d`;
}
function tick() { // ages grow by the server's clock
  const now = Date.now() / 1000 + skew;
  for (const time of document.querySelectorAll("time[data-at]")) time.textContent = span(now - time.dataset.at);
}
function tell(alive) {
  if (!alive) lost ??= new Date();
  else lost = undefined;
  document.body.classList.toggle("lost", !alive);
  line.hidden = alive;
  const said = alive ? "" : `Connection lost since ${lost.toLocaleTimeString()}. What you see may no longer be so.`;
  if (line.textContent !== said) line.textContent = said;
}
function keep(fresh) { // what the reader has opened, written and is about to press
  for (const open of main.querySelectorAll("details[open][id]")) fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
  for (const input of main.querySelectorAll("input[id]")) {
    const same = fresh.querySelector(`#${CSS.escape(input.id)}`);
    if (same) same.value = input.value;
  }
}
async function refresh() {
  if (asking) return plan();
  asking = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.status === 401) return location.assign("/login");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main[data-live]");
    if (!answer.ok || !fresh) throw new Error(answer.statusText);
    const focused = document.activeElement?.id;
    keep(fresh);
    main.replaceChildren(...fresh.childNodes);
    Object.assign(main.dataset, fresh.dataset);
    document.title = page.title;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    skew = main.dataset.now - Date.now() / 1000;
    if (stream?.readyState === EventSource.OPEN) tell(true);
  } catch { tell(false); } finally { asking = false; }
}
function plan(after = 250) { planned ??= setTimeout(() => { planned = undefined; refresh(); }, after); }
function connect() {
  stream?.close();
  stream = new EventSource(main.dataset.live);
  stream.onmessage = () => plan();
  stream.onopen = () => { if (lost) plan(0); };
  stream.onerror = () => { tell(false); if (stream.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || connect(), 2000); };
}
if (main) {
  skew = main.dataset.now - Date.now() / 1000;
  connect();
  setInterval(tick, 1000);
  setInterval(() => document.hidden || plan(0), 10000); // what is observed changes without an event, too
  document.addEventListener("visibilitychange", () => { // a browser has few connections for all pages of a host
    if (document.hidden) stream.close(); else { connect(); plan(0); }
  });
}
