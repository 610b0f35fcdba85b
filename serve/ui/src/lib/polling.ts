/** Reads something again and again while somebody looks: it rests while the page is hidden. */

/** How often it is asked how far a work has come. */
export const PROGRESS_MS = 2_000;

/** Calls `read` every `everyMs`, at once when the page is shown again; returns how to end it.
 *
 * One call at a time: a slow answer is waited for. What `read` throws is its own affair. A turn for
 * which `worthIt` says no is passed over; it is asked once a turn. */
export function polled(
  read: () => Promise<unknown>,
  everyMs: number,
  worthIt: () => boolean = () => true,
): () => void {
  let timer = 0;
  let busy = false;
  let last = Date.now();
  let over = false;

  async function turn(): Promise<void> {
    clearTimeout(timer);
    if (over || document.hidden || busy) return;
    busy = true;
    try {
      if (worthIt()) await read();
    } catch {
      // The next turn tries again; whoever reads says what went wrong.
    } finally {
      busy = false;
      last = Date.now();
      if (!over) timer = window.setTimeout(turn, everyMs);
    }
  }
  function onvisible(): void {
    if (document.hidden) clearTimeout(timer);
    else timer = window.setTimeout(turn, Math.max(0, last + everyMs - Date.now()));
  }
  document.addEventListener('visibilitychange', onvisible);
  timer = window.setTimeout(turn, everyMs);
  return () => {
    over = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onvisible);
  };
}
