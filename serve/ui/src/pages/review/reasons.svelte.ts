/** Why findings may be rejected, by kind; read once. */

import { api, take, type Schemas } from '../../lib/api/client';
import { spoken } from '../../lib/language.svelte';

export type Reason = Schemas['RejectReason'];
let kinds = $state.raw<Record<string, Reason[]>>({});

export const reasons = {
  of: (kind: string): Reason[] => kinds[kind] ?? [],
  /** A reason in words, or its code where it is not known. */
  name(code: string): string {
    const known = Object.values(kinds).flat().find((reason) => reason.code === code);
    return known ? spoken(known) : code;
  },
  async load(): Promise<void> {
    if (Object.keys(kinds).length) return;
    kinds = (await take(api.GET('/api/v1/reviews/reasons'))).kinds;
  },
};
