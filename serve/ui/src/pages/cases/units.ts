/** Responsible units that findings of the last year lie with. */

import { api, take } from '../../lib/api/client';

/** Returns their names, sorted. Throws an `ApiError` where they cannot be read. */
export async function unitsKnown(): Promise<string[]> {
  const { units } = await take(api.GET('/api/v1/dashboard', { params: { query: { days: 365 } } }));
  const names = new Set(units.flatMap((row) => row.unit ?? []));
  return [...names].sort((a, b) => a.localeCompare(b));
}
