/** What is wrong with a drawing, before it is sent: told at the field, in both languages. */

import { fill, texts } from '../../lib/language.svelte';
import type { Drawing, Share, ZoneItem } from './draft.svelte';

const t = texts({
  name: ['请填写名称', 'Give it a name'],
  long: ['名称最多 80 个字符', 'At most 80 characters'],
  twice: ['另一个区域已用此名称', 'Another zone is called this'],
  few: ['至少需要三个顶点', 'At least three corners'],
  many: ['最多 200 个顶点', 'At most 200 corners'],
  crossing: ['边界自相交', 'The outline crosses itself'],
  dwell: ['须大于 0，最多 86400 秒', 'More than 0 and at most 86,400 seconds'],
  grace: ['须为 0 至 3600 秒', '0 to 3,600 seconds'],
  cooldown: ['须为 0 至 86400 秒', '0 to 86,400 seconds'],
  height: ['须为 0 至 100', '0 to 100'],
  hours: ['请填写开始与结束时间', 'Give both a beginning and an end'],
  empty: ['开始与结束相同；全天生效请删除此时段', 'It begins when it ends; take it out for the whole day'],
  zone: ['至少需要一个区域', 'At least one zone is needed'],
});

function turn(a: Share, b: Share, c: Share): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}
export function crosses(ring: readonly Share[]): boolean {
  const n = ring.length;
  for (let i = 0; i < n; i++) {
    for (let k = i + 2; k < n; k++) {
      if (i === 0 && k === n - 1) continue;
      const [a, b, c, d] = [ring[i]!, ring[(i + 1) % n]!, ring[k]!, ring[(k + 1) % n]!];
      if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return true;
    }
  }
  return false;
}
function outline(polygon: readonly Share[]): string {
  if (polygon.length < 3) return t.few;
  if (polygon.length > 200) return t.many;
  return crosses(polygon) ? t.crossing : '';
}
const within = (value: number | null, least: number, most: number) =>
  value !== null && Number.isFinite(value) && value >= least && value <= most;

/** Faults of a zone by field. */
export function zoneFaults(zone: ZoneItem, all: readonly ZoneItem[]): Record<string, string> {
  const faults: Record<string, string> = {};
  const note = (field: string, text: string) => {
    if (text) faults[field] = text;
  };
  const name = zone.name.trim();
  note('name', !name ? t.name : name.length > 80 ? t.long
    : all.some((each) => each !== zone && each.id !== zone.id && each.name.trim() === name) ? t.twice : '');
  note('polygon', outline(zone.polygon));
  const timed = zone.kind === 'no_parking' || zone.kind === 'no_vending';
  if (timed && !(within(zone.dwell_s, 0, 86_400) && zone.dwell_s! > 0)) note('dwell_s', t.dwell);
  if (timed && zone.dwellByClass.some((each) => !(within(each.dwell_s, 0, 86_400) && each.dwell_s! > 0))) {
    note('dwell_s_by_class', t.dwell);
  }
  if (!within(zone.grace_s, 0, 3600)) note('grace_s', t.grace);
  if (!within(zone.cooldown_s, 0, 86_400)) note('cooldown_s', t.cooldown);
  if (!within(zone.minHeight, 0, 100)) note('min_height', t.height);
  if (zone.hours.some(({ from, to }) => !from || !to)) note('active_hours', t.hours);
  else if (zone.hours.some(({ from, to }) => from === to)) note('active_hours', t.empty);
  return faults;
}

/** Faults of a drawing by the id of what they belong to; `''` for all of it. */
export function drawingFaults(drawing: Drawing): Map<string, Record<string, string>> {
  const faults = new Map<string, Record<string, string>>();
  for (const item of drawing.items) {
    const found: Record<string, string> = {};
    if (item.type === 'zone') Object.assign(found, zoneFaults(item, drawing.zones));
    else if (outline(item.polygon)) found.polygon = outline(item.polygon);
    if (Object.keys(found).length > 0) faults.set(item.id, found);
  }
  if (drawing.zones.length === 0) faults.set('', { zones: t.zone });
  return faults;
}

const CODE = texts({
  missing: ['请填写编号', 'Give it a code'],
  form: ['只能含字母、数字、点、横线和下划线，最多 64 个字符', 'Letters, digits, dot, dash and underscore only, at most 64'],
  national: ['GB/T 28181：行政区划 {area} · 行业 {industry} · 类型 {type} · 序号 {serial}', 'GB/T 28181: area {area} · industry {industry} · type {type} · serial {serial}'],
  short: ['像是国标编号，但有 {n} 位而不是 20 位', 'It looks like a GB/T 28181 code but has {n} digits, not 20'],
  type: ['类型 {type} 不是摄像机（131 或 132）', 'Type {type} is no camera (131 or 132)'],
  other: ['自定义编号', 'A code of your own'],
});
const INDUSTRY = texts({ '08': ['08 城市管理', '08 city management'], '00': ['00 公安', '00 police'] }) as Record<string, string>;
const TYPE = texts({ 131: ['131 摄像机', '131 camera'], 132: ['132 网络摄像机', '132 IP camera'] }) as Record<string, string>;

/** What a code says, and whether something is wrong with it. */
export function codeSays(code: string): { text: string; tone: 'good' | 'warn' | 'bad' | 'plain' } {
  const text = code.trim();
  if (!text) return { text: '', tone: 'plain' };
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return { text: CODE.form, tone: 'bad' };
  if (!/^\d+$/.test(text) || text.length < 15) return { text: CODE.other, tone: 'plain' };
  if (text.length !== 20) return { text: fill(CODE.short, { n: text.length }), tone: 'warn' };
  const [industry, type] = [text.slice(8, 10), text.slice(10, 13)];
  if (!(type in TYPE)) return { text: fill(CODE.type, { type }), tone: 'warn' };
  const read = { area: text.slice(0, 8), industry: INDUSTRY[industry] ?? industry, type: TYPE[type]!, serial: text.slice(13) };
  return { text: fill(CODE.national, read), tone: 'good' };
}
export const codeMissing = (): string => CODE.missing;
