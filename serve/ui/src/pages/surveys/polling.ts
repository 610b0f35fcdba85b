/** Asks again while something is being worked on, and only while somebody looks. */

const EVERY_MS = 2_000;

/** Calls `ask` every two seconds for as long as `worthIt`, not while the page is hidden.
 *
 * To be called in an effect; returns what ends it. */
export function poll(ask: () => Promise<unknown>, worthIt: () => boolean): () => void {
  let timer = 0;
  let over = false;
  const turn = async () => {
    if (!document.hidden && worthIt()) await ask();
    if (!over) timer = window.setTimeout(turn, EVERY_MS);
  };
  timer = window.setTimeout(turn, EVERY_MS);
  const look = () => {
    if (document.hidden || !worthIt()) return;
    clearTimeout(timer);
    void turn();
  };
  document.addEventListener('visibilitychange', look);
  return () => {
    over = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', look);
  };
}
