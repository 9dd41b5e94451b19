// The page of a chat room. Text of other clients is inserted as text, never as HTML.

const MAX_MESSAGE = 4096; // bytes, as in the room
const MAX_SHOWN = 500; // messages in the page
const FIRST_DELAY = 500; // ms until the first attempt to reconnect; doubled with each
const MAX_DELAY = 15_000;
const POLICY = 1008; // the close code of a rejection, after which a retry would fail, too

const byId = (id) => document.getElementById(id);
const [log, state, problem] = [byId("log"), byId("state"), byId("problem")];
const [nameInput, textInput] = [byId("name"), byId("text")];

let socket = null;
let self = null;
let lastSent = "";
let delay = FIRST_DELAY;
let timer = null;
let wasInside = false;

function show(kind, text) {
  state.dataset.state = kind;
  state.textContent = text;
  byId("retry").hidden = kind !== "waiting" && kind !== "rejected";
}

function askForName(text) {
  leave();
  byId("room").hidden = true;
  byId("join").hidden = false;
  nameInput.value = localStorage.getItem("name") ?? "";
  nameInput.select();
  nameInput.focus();
  show("idle", text);
}

// Drops the current connection, if there is one. Its remaining events are ignored.
function leave() {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  old?.close();
}

function connect() {
  leave();
  byId("join").hidden = true;
  byId("room").hidden = false;
  show("connecting", "Connecting…");
  const url = new URL("ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("name", localStorage.getItem("name"));
  const mine = new WebSocket(url);
  socket = mine;
  mine.onmessage = ({ data }) => { if (socket === mine) receive(JSON.parse(data)); };
  mine.onclose = (closed) => { if (socket === mine) lost(closed); };
}

function receive(event) {
  switch (event.type) {
    case "welcome":
      self = event.name;
      byId("self").textContent = self;
      if (wasInside) note("Reconnected. Messages sent meanwhile are missing.");
      else note(`Other clients in the room: ${event.members - 1}`);
      wasInside = true;
      delay = FIRST_DELAY;
      show("connected", "Connected");
      textInput.focus();
      break;
    case "message":
      message(event);
      break;
    case "rejected":
      problem.textContent = `Not sent: ${event.problem}`;
      // The text is kept, so that it can be sent again.
      if (textInput.value === "") textInput.value = lastSent;
      break;
  }
}

function lost({ code, reason }) {
  socket = null;
  if (code === POLICY) {
    if (self === null) askForName(`Not admitted: ${reason}`);
    else show("rejected", `Disconnected: ${reason}`);
    return;
  }
  const why = code === 1001 ? "The room is going away" : reason ? `Disconnected: ${reason}` : "Not connected";
  // A random delay keeps clients from reconnecting all at the same instant.
  const wait = delay * (0.5 + Math.random() / 2);
  delay = Math.min(delay * 2, MAX_DELAY);
  timer = setTimeout(connect, wait);
  show("waiting", `${why}; reconnecting in ${Math.ceil(wait / 1000)} s`);
}

function message({ from, time, text }) {
  const entry = document.createElement("li");
  entry.classList.toggle("own", from === self);
  const head = document.createElement("span");
  head.className = "head";
  const who = document.createElement("b");
  who.textContent = from;
  const when = document.createElement("time");
  when.dateTime = time;
  const date = new Date(time);
  when.textContent = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  when.title = date.toLocaleString();
  head.append(who, " ", when);
  const what = document.createElement("span");
  what.className = "text";
  what.textContent = text;
  entry.append(head, " ", what);
  append(entry);
}

function note(text) {
  const entry = document.createElement("li");
  entry.className = "note";
  entry.textContent = text;
  append(entry);
}

// Scrolls to the end of the log, unless the user has scrolled up.
function append(entry) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(entry);
  while (log.children.length > MAX_SHOWN) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

byId("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = nameInput.value.trim();
  if (name === "") return;
  localStorage.setItem("name", name);
  self = null;
  connect();
});

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = textInput.value;
  if (text.trim() === "") return;
  const json = JSON.stringify({ text });
  if (new TextEncoder().encode(json).length > MAX_MESSAGE) {
    problem.textContent = "Not sent: the message is too long.";
  } else if (socket?.readyState !== WebSocket.OPEN) {
    problem.textContent = "Not sent: not connected. The text is kept.";
  } else {
    socket.send(json);
    lastSent = text;
    textInput.value = "";
    problem.textContent = "";
  }
});

byId("rename").addEventListener("click", () => askForName("Choose another name"));
byId("retry").addEventListener("click", connect);
addEventListener("online", () => { if (timer !== null && socket === null) connect(); });

if (localStorage.getItem("name")) connect();
else askForName("Choose a name to join");
