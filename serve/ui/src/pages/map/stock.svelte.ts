/** What the map has read: each layer when it is first wanted, and anew when filters change. */

import {
  readCameras,
  readCases,
  readFindings,
  readGrid,
  readSites,
  type Filters,
  type Item,
} from './items';
import { LISTED, type LayerName } from './words';

/** Layers that hold something else when filters change. */
const FILTERED: LayerName[] = ['findings', 'cases'];
/** What tells where the map lies; read in any case. */
const FIRST: LayerName[] = ['findings', 'sites', 'cameras'];

export class Stock {
  #items = $state.raw<Partial<Record<LayerName, Item[]>>>({});
  #busy = $state.raw<Partial<Record<LayerName, boolean>>>({});
  #failed = $state.raw<Partial<Record<LayerName, boolean>>>({});
  #capped = $state(false);
  error = $state.raw<unknown>(null);
  #filters: Filters = {};
  #wanted: LayerName[] = [];
  /** Grows when a layer is read anew, so that what still comes of before is dropped. */
  #turns: Partial<Record<LayerName, number>> = {};

  /** What was read of a layer so far. */
  of(layer: LayerName): Item[] {
    return this.#items[layer] ?? [];
  }

  readonly all = $derived(LISTED.flatMap((layer) => this.of(layer)));

  get loading(): boolean {
    return Object.values(this.#busy).some(Boolean);
  }

  /** Whether something of all came that tells where the map lies, or will not come. */
  get begun(): boolean {
    return FIRST.every((layer) => this.#items[layer] !== undefined || this.#failed[layer]);
  }

  /** Whether there are more findings than are shown. */
  get capped(): boolean {
    return this.#capped;
  }

  /** Reads findings and cases anew, narrowed down. */
  use(filters: Filters): void {
    this.#filters = filters;
    for (const layer of FILTERED) {
      if (this.#items[layer] || this.#busy[layer]) void this.#read(layer);
    }
  }

  /** Reads what is not there yet. */
  want(layers: LayerName[]): void {
    this.#wanted = [...new Set([...FIRST, ...layers])].filter((each) => LISTED.includes(each));
    for (const layer of this.#wanted) {
      if (!this.#items[layer] && !this.#busy[layer] && !this.#failed[layer]) void this.#read(layer);
    }
  }

  /** Tries again what failed. */
  again(): void {
    this.error = null;
    const failed = this.#wanted.filter((layer) => this.#failed[layer]);
    for (const layer of failed) void this.#read(layer);
  }

  async #read(layer: LayerName): Promise<void> {
    const turn = (this.#turns[layer] ?? 0) + 1;
    this.#turns[layer] = turn;
    this.#busy = { ...this.#busy, [layer]: true };
    this.#failed = { ...this.#failed, [layer]: false };
    const came = (items: Item[]): boolean => {
      if (this.#turns[layer] !== turn) return false;
      this.#items = { ...this.#items, [layer]: items };
      return true;
    };
    try {
      const more = await this.#reading(layer, came);
      if (layer === 'findings' && this.#turns[layer] === turn) this.#capped = more;
    } catch (failure) {
      if (this.#turns[layer] === turn) {
        this.#failed = { ...this.#failed, [layer]: true };
        this.error = failure;
      }
    } finally {
      if (this.#turns[layer] === turn) this.#busy = { ...this.#busy, [layer]: false };
    }
  }

  #reading(layer: LayerName, came: (items: Item[]) => boolean): Promise<boolean> {
    if (layer === 'findings') return readFindings(this.#filters, came);
    if (layer === 'cases') return readCases(this.#filters, came);
    if (layer === 'cameras') return readCameras(came);
    return layer === 'sites' ? readSites(came) : readGrid(came);
  }
}
