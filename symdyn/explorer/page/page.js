// The page in a browser: requests go to the server that sent it.
import { mount } from "./explorer.js";

const el = document.getElementById("explorer");

async function ask(request) {
  const answer = await fetch("frame", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request),
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

ask.supersede = () => {
  fetch("supersede", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }).catch(() => {});
};

try {
  const description = await (await fetch("description")).json();
  el.replaceChildren();
  mount(el, description, ask);
} catch (error) {
  el.textContent = `The explorer does not answer (${error.message}); is "symdyn explore" still running?`;
}
