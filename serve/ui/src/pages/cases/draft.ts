/** What a case's draft says, read from its document (serve/cases/draft.schema.json). */

export interface Both {
  zh: string;
  en: string;
}
export interface DraftEvidence {
  id: string;
  name: Both;
  media_type: string;
  taken_at: string | null;
  size_bytes: number;
  sha256: string;
  sealed: boolean;
  url_ends_at: string | null;
}
export interface Draft {
  texts: Both;
  event: Both | null;
  eventClass: Both | null;
  responsible: Both | null;
  address: Both | null;
  position: { longitude: number; latitude: number } | null;
  limit: Both | null;
  reviewer: string | null;
  evidence: DraftEvidence[];
}

type Document = Record<string, unknown>;

function within(from: unknown, ...names: string[]): unknown {
  let at = from;
  for (const name of names) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Document)[name];
  }
  return at;
}
function both(from: unknown): Both | null {
  const [zh, en] = [within(from, 'zh'), within(from, 'en')];
  return typeof zh === 'string' && typeof en === 'string' ? { zh, en } : null;
}

/** Reads a draft; what one of another version lacks is left out. */
export function draftOf(document: Document): Draft {
  const place = within(document, 'position') as Draft['position'] | undefined;
  const reviewer = within(document, 'review', 'reviewer');
  const evidence = within(document, 'evidence');
  return {
    texts: both(document.texts) ?? { zh: '', en: '' },
    event: both(within(document, 'event', 'name')),
    eventClass: both(within(document, 'event', 'class_name')),
    responsible: both(within(document, 'event', 'responsible')),
    address: both(document.address),
    position: typeof place?.longitude === 'number' ? place : null,
    limit: both(within(document, 'limit', 'what')),
    reviewer: typeof reviewer === 'string' ? reviewer : null,
    evidence: Array.isArray(evidence) ? (evidence as DraftEvidence[]) : [],
  };
}
