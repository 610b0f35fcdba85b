/** Keys under which a request may be sent again without doing it twice. */

import { onceKey } from './api/client';

/** The key of a form's request: the same for as long as the same is sent, until it succeeded. */
export class Once {
  #sent = '';
  #key = onceKey();

  headers(body: unknown): ReturnType<typeof onceKey> {
    const written = JSON.stringify(body);
    if (written !== this.#sent) this.done();
    this.#sent = written;
    return this.#key;
  }
  /** It succeeded: what comes next is another request, even if it says the same. */
  done(): void {
    this.#key = onceKey();
    this.#sent = '';
  }
}
