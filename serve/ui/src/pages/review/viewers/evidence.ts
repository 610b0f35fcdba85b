/** Evidence held ready: pictures of the findings that come next, loaded and decoded, within bounds. */

import type { Schemas } from '../../../lib/api/client';
import { ApiError } from '../../../lib/api/client';

type Finding = Schemas['FindingPublic'];
type Piece = Schemas['EvidencePublic'];

/** What is held at most; what was looked at longest ago goes first. */
const MOST_BYTES = 96 * 2 ** 20;
const MOST_PIECES = 400;

/** A picture that is there: its address in this page, its size in pixels. */
export interface Ready {
  url: string;
  width: number;
  height: number;
  /** Kept so that the browser keeps it decoded. */
  image: HTMLImageElement;
}

interface Held {
  finding: string;
  bytes: number;
  picture: Promise<Ready>;
  url: string | null;
}

/** The plain address of a piece of evidence. */
export function addressOf(evidenceId: string): string {
  return `/api/v1/evidence/${encodeURIComponent(evidenceId)}`;
}

async function fetched(evidenceId: string): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(addressOf(evidenceId), { credentials: 'same-origin' });
  } catch {
    throw new ApiError(0, 'no answer', 'no answer');
  }
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => null)) as Schemas['Problem'] | null;
    throw new ApiError(answer.status, answer.statusText, problem?.detail ?? '', problem);
  }
  return answer;
}

/** The pictures that show a finding to everybody who may see it, without those that were deleted. */
export function picturesOf(finding: Finding): Piece[] {
  const newest = new Set(
    ((finding.document.evidence ?? []) as { sha256: string }[]).map((piece) => piece.sha256),
  );
  const shown = finding.evidence.filter(
    (piece) => !piece.sealed && !piece.deleted_at && piece.media_type.startsWith('image/'),
  );
  // Each sighting brings its own; the newest one's are what the finding is judged by.
  const latest = shown.filter((piece) => newest.has(piece.sha256));
  const pieces = latest.length ? latest : shown;
  return pieces.filter((piece, k) => pieces.findIndex((other) => other.sha256 === piece.sha256) === k);
}

export class EvidenceStore {
  /** In the order of their last use, oldest first. */
  #held = new Map<string, Held>();
  #documents = new Map<string, Promise<unknown>>();
  #bytes = 0;

  /** Loads and decodes what a finding is judged by; resolves when all of it can be drawn at once.
   * What cannot be loaded is told where it is shown, not here. */
  async preload(finding: Finding): Promise<void> {
    const manifest = finding.evidence.find((piece) => piece.role === 'manifest' && !piece.deleted_at);
    await Promise.allSettled([
      ...picturesOf(finding).map((piece) => this.picture(piece.id, finding.id)),
      ...(manifest ? [this.json(manifest.id)] : []),
    ]);
  }

  /** An object URL of a picture; it is good until the finding is dropped or room is needed. */
  async url(evidenceId: string): Promise<string> {
    return (await this.picture(evidenceId)).url;
  }

  /** A picture, decoded. Throws `ApiError` where it cannot be had. */
  picture(evidenceId: string, finding = ''): Promise<Ready> {
    const known = this.#held.get(evidenceId);
    if (known) {
      this.#held.delete(evidenceId);
      this.#held.set(evidenceId, known);
      return known.picture;
    }
    const held: Held = { finding, bytes: 0, url: null, picture: this.#load(evidenceId) };
    this.#held.set(evidenceId, held);
    held.picture.catch(() => this.#held.get(evidenceId) === held && this.#held.delete(evidenceId));
    return held.picture;
  }

  /** A JSON document among the evidence, such as the manifest. */
  json(evidenceId: string): Promise<unknown> {
    const known = this.#documents.get(evidenceId);
    if (known) return known;
    const made = fetched(evidenceId).then((answer) => answer.json() as Promise<unknown>);
    made.catch(() => this.#documents.delete(evidenceId));
    this.#documents.set(evidenceId, made);
    for (const old of this.#documents.keys()) {
      if (this.#documents.size <= MOST_PIECES) break;
      this.#documents.delete(old);
    }
    return made;
  }

  /** Forgets the pictures of a finding. */
  drop(findingId: string): void {
    for (const [id, held] of [...this.#held]) if (held.finding === findingId) this.#forget(id, held);
  }

  clear(): void {
    for (const [id, held] of [...this.#held]) this.#forget(id, held);
    this.#documents.clear();
  }

  async #load(evidenceId: string): Promise<Ready> {
    const blob = await (await fetched(evidenceId)).blob();
    const url = URL.createObjectURL(blob);
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
    } catch {
      URL.revokeObjectURL(url);
      throw new ApiError(422, 'not a picture', 'this picture cannot be decoded');
    }
    const held = this.#held.get(evidenceId);
    if (held) {
      held.url = url;
      held.bytes = blob.size + 4 * image.naturalWidth * image.naturalHeight;
      this.#bytes += held.bytes;
      this.#makeRoom(evidenceId);
    }
    return { url, width: image.naturalWidth, height: image.naturalHeight, image };
  }

  #makeRoom(keep: string): void {
    for (const [id, held] of [...this.#held]) {
      if (this.#bytes <= MOST_BYTES && this.#held.size <= MOST_PIECES) return;
      if (id !== keep && held.url) this.#forget(id, held);
    }
  }

  #forget(id: string, held: Held): void {
    this.#held.delete(id);
    this.#bytes -= held.bytes;
    // A picture that is being drawn just now keeps what it loaded.
    void held.picture.then(({ url }) => setTimeout(() => URL.revokeObjectURL(url), 5_000), () => {});
  }
}
