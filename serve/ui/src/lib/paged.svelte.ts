/** A list of the API that comes page by page. */

export interface PageOf<T> {
  items: T[];
  next?: string | null;
}

/** Reads a list with cursors. Reading anew while a page is on its way drops that page. */
export class Paged<T> {
  items = $state.raw<T[]>([]);
  loading = $state(false);
  /** Whether the first page has come. */
  known = $state(false);
  error = $state<unknown>(null);
  #next = $state<string | null>(null);
  #read: (cursor: string | undefined) => Promise<PageOf<T>>;
  #turn = 0;

  constructor(read: (cursor: string | undefined) => Promise<PageOf<T>>) {
    this.#read = read;
  }

  get more(): boolean {
    return this.#next !== null;
  }

  /** Reads the list from its beginning; what is shown stays until the answer comes. */
  async reload(): Promise<void> {
    await this.#page(undefined);
  }

  /** Reads the next page, where there is one. */
  async loadMore(): Promise<void> {
    if (this.#next !== null && !this.loading) await this.#page(this.#next);
  }

  async #page(cursor: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    this.error = null;
    try {
      const page = await this.#read(cursor);
      if (turn !== this.#turn) return;
      this.items = cursor === undefined ? page.items : [...this.items, ...page.items];
      this.#next = page.next ?? null;
      this.known = true;
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}
