/** Days put together so that a chart has no more bars than one can tell apart. */

import { language } from '../../lib/language.svelte';

export interface Counts {
  found: number;
  confirmed: number;
  rejected: number;
  closed: number;
}
export type CountName = keyof Counts;

/** Some days in a row. */
export interface Bucket extends Counts {
  /** The first day and the last one, `2026-11-28`. */
  first: string;
  last: string;
}

const DAY_MS = 86_400_000;

export function nothing(): Counts {
  return { found: 0, confirmed: 0, rejected: 0, closed: 0 };
}

export function add(to: Counts, more: Counts): void {
  to.found += more.found;
  to.confirmed += more.confirmed;
  to.rejected += more.rejected;
  to.closed += more.closed;
}

/** Splits a stretch of days into days, weeks (from Monday) or months, whichever are few enough.
 *
 * Days are those of the city's calendar, so that no time zone comes in. */
export function bucketsOf(since: string, until: string): Bucket[] {
  const [first, last] = [Date.parse(since), Date.parse(until)];
  const days = Math.round((last - first) / DAY_MS) + 1;
  const buckets: Bucket[] = [];
  for (let at = first; at <= last; at += DAY_MS) {
    const date = new Date(at);
    const begins =
      days <= 31 || (days <= 120 ? date.getUTCDay() === 1 : date.getUTCDate() === 1);
    const day = date.toISOString().slice(0, 10);
    const open = buckets.at(-1);
    if (!open || begins) buckets.push({ first: day, last: day, ...nothing() });
    else open.last = day;
  }
  return buckets;
}

/** Adds up counts of days in the buckets that the days lie in. */
export function fillBuckets(buckets: Bucket[], rows: (Counts & { day: string })[]): Bucket[] {
  for (const row of rows) {
    const bucket = buckets.find((each) => each.first <= row.day && row.day <= each.last);
    if (bucket) add(bucket, row);
  }
  return buckets;
}

function written(day: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(language.tag, { ...options, timeZone: 'UTC' }).format(
    new Date(day),
  );
}

/** "28 Nov", or "Nov 2026" where a bucket is a month. */
export function shortName(bucket: Bucket): string {
  return isMonthLong(bucket)
    ? written(bucket.first, { year: '2-digit', month: 'short' })
    : written(bucket.first, { month: 'numeric', day: 'numeric' });
}

/** The first and the last day, whole. */
export function longName(bucket: Bucket): string {
  const whole = { year: 'numeric', month: 'short', day: 'numeric' } as const;
  const from = written(bucket.first, whole);
  return bucket.first === bucket.last ? from : `${from} – ${written(bucket.last, whole)}`;
}

function isMonthLong(bucket: Bucket): boolean {
  return (Date.parse(bucket.last) - Date.parse(bucket.first)) / DAY_MS > 7;
}

/** A round number of which a few reach as far as the largest value, for the lines of a chart. */
export function stepFor(largest: number, lines = 4): number {
  const rough = Math.max(largest, 1) / lines;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  return Math.max(1, step ?? rough);
}
