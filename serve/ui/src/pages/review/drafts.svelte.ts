/** What a reviewer changed or typed about findings and has not saved yet. */

import { SvelteMap } from 'svelte/reactivity';

import type { Schemas } from '../../lib/api/client';
import type { Correction } from './saver.svelte';
import type { Edit } from './viewers/finding';

export interface Draft {
  /** Outline or box as it was drawn anew. */
  edit: Edit | null;
  /** Another kind than the detector's. */
  kind: Schemas['FindingKind'] | null;
  /** Words for the history that go with the decision. */
  remark: string;
}

const NOTHING: Draft = { edit: null, kind: null, remark: '' };
const kept = new SvelteMap<string, Draft>();

export const drafts = {
  of(findingId: string): Draft {
    return kept.get(findingId) ?? NOTHING;
  },
  change(findingId: string, changes: Partial<Draft>): void {
    kept.set(findingId, { ...drafts.of(findingId), ...changes });
  },
  drop(findingId: string): void {
    kept.delete(findingId);
  },
  clear(): void {
    kept.clear();
  },
  /** Whether what was drawn cannot be saved as it is. */
  isFaulty: (findingId: string): boolean => Boolean(drafts.of(findingId).edit?.fault),
  /** What the service is to be told, none where nothing was corrected. */
  correctionOf(finding: Schemas['FindingItem']): Correction | null {
    const { edit, kind } = drafts.of(finding.id);
    const wanted: Correction = {};
    if (kind && kind !== finding.kind) wanted.kind = kind;
    if (edit?.geometry) wanted.geometry = edit.geometry;
    if (edit?.bbox_xyxy) wanted.bbox_xyxy = edit.bbox_xyxy;
    return Object.keys(wanted).length ? wanted : null;
  },
};
