/** What is chosen to be sent as a survey. */

import type { Schemas } from '../../../lib/api/client';
import type { FileRole } from './transfer.svelte';

export type Lying = Schemas['UploadPublic'];
/** A file of this machine, or an upload that lies at the service whole. */
export type Choice = { file: File } | { lying: Lying };

const DSM = /(^|[^a-z])(dsm|dem|dtm|height|elevation|高程|表面模型)([^a-z]|$)/i;

export const nameOf = (choice: Choice): string =>
  'file' in choice ? choice.file.name : choice.lying.file_name;
export const sizeOf = (choice: Choice): number =>
  'file' in choice ? choice.file.size : choice.lying.length_bytes;

/** Surface models are mostly named as such. */
export function roleByName(name: string): FileRole {
  return DSM.test(name) ? 'dsm' : 'ortho';
}

/** The day in a file's name, as `2026-09-03` or `20260903`; empty where there is none. */
export function dayByName(name: string): string {
  const found = /(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)/.exec(name);
  return found ? `${found[1]}-${found[2]}-${found[3]}` : '';
}

/** An upload of the same name and size that is not used yet. */
export function matching(choice: Choice, lying: readonly Lying[]): Lying | undefined {
  if ('lying' in choice) return undefined;
  return lying.find(
    (each) =>
      each.state !== 'used' &&
      each.file_name === choice.file.name &&
      each.length_bytes === choice.file.size &&
      each.offset_bytes > 0,
  );
}
