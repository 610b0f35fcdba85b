/** What cameras, their zones and their faults are called, in both languages. */

import { texts } from '../../lib/language.svelte';
import type { BadgeTone } from '../../lib/ui/Badge.svelte';
import type { Schemas } from '../../lib/api/client';

/** Answers as they are typed once they have come: lists of numbers, of no told length. */
export type Answered<T> = T extends readonly number[]
  ? number[]
  : T extends readonly (infer E)[]
    ? Answered<E>[]
    : T extends object
      ? { [K in keyof T]: Answered<T[K]> }
      : T;
export type Camera = Answered<Schemas['CameraPublic']>;
export type Zone = Answered<Schemas['Zone']>;
export type ZoneKind = Schemas['ZoneKind'];

const HEALTH = texts({
  unwatched: ['未启用', 'Not watched'],
  waiting: ['等待处理单元', 'Waiting for a worker'],
  starting: ['启动中', 'Starting'],
  watching: ['正常', 'Watching'],
  overloaded: ['过载', 'Overloaded'],
  faulty: ['故障', 'Faulty'],
  failed: ['无法监看', 'Cannot be watched'],
  ended: ['录像已结束', 'Recording over'],
});
const FAULT = texts({
  offline: ['离线', 'Offline'],
  refused: ['密码或权限错误', 'Access refused'],
  bad_stream: ['码流无法解码', 'Stream not readable'],
  frozen: ['画面冻结', 'Picture frozen'],
  black: ['画面全黑', 'Picture black'],
  defocused: ['画面模糊', 'Out of focus'],
  moved: ['视角移动', 'View moved'],
});
const ADVICE = texts({
  offline: ['收不到数据，请检查供电、网络与地址。', 'It sends nothing: check power, network and address.'],
  refused: ['摄像头拒绝访问，请检查用户名、密码与权限。', 'It refuses access: check user, password and rights.'],
  bad_stream: ['码流无法解码，请检查编码格式与摄像头设置。', 'The stream cannot be decoded: check the coding set in the camera.'],
  frozen: ['画面不再变化，请重启摄像头。', 'The picture does not change any more: restart the camera.'],
  black: ['画面全黑，请检查遮挡、照明与感光元件。', 'The picture is black: look for a cover, a dead lamp or sensor.'],
  defocused: ['画面失焦，请清洁镜头或重新对焦。', 'It lost its sharpness: clean the lens or set the focus.'],
  moved: ['视角已改变，请转回原位或重新划定区域。', 'It looks elsewhere: turn it back or draw the zones anew.'],
  unwatched: ['启用后才会监看。', 'Enable it to have it watched.'],
  waiting: ['所有处理单元都已满，请增加处理单元或提高容量。', 'All workers are full: start another or raise its capacity.'],
  starting: ['处理单元已接手，尚未收到画面。', 'A worker has it; no picture has come yet.'],
  overloaded: ['取样慢于规则所需，处理单元负载过高。', 'It is looked at less often than its rules need: the worker has too much to do.'],
  failed: ['原因不在摄像头，系统会自动重试。', 'Not the camera’s fault; it is tried again by itself.'],
  ended: ['录像已看完；再次启用会从头开始。', 'All of it has been seen; enable it to watch it again.'],
});
export const ALL_HEALTH = Object.keys(HEALTH) as (keyof typeof HEALTH)[];
export const ALL_FAULTS = Object.keys(FAULT) as (keyof typeof FAULT)[];

const TONES: Record<string, BadgeTone> = {
  unwatched: 'plain', waiting: 'warn', starting: 'accent', watching: 'good', overloaded: 'warn',
  faulty: 'bad', failed: 'bad', ended: 'plain',
};

function word(table: Record<string, string>, key: string): string {
  return table[key] ?? key;
}
export const healthName = (health: string): string => word(HEALTH, health);
export const faultName = (kind: string): string => word(FAULT, kind);
export const toneOf = (health: string): BadgeTone => TONES[health] ?? 'plain';

/** How a camera fares, in a word: what is wrong counts more than that something is. */
export function fares(camera: Camera): string {
  return camera.health === 'faulty' && camera.fault ? faultName(camera.fault.kind) : healthName(camera.health);
}
/** What to do about it; nothing where all is well. */
export function advice(health: string, fault?: string | null): string {
  return (ADVICE as Record<string, string>)[health === 'faulty' && fault ? fault : health] ?? '';
}

const ZONE_KIND = texts({
  no_parking: ['禁停区', 'No parking'],
  no_vending: ['禁止摆卖区', 'No vending'],
  vending_permitted: ['允许摆卖区', 'Vending permitted'],
  truck_gate: ['工地出入口', 'Truck gate'],
});
export const ZONE_KINDS = Object.keys(ZONE_KIND) as ZoneKind[];
export const zoneKindName = (kind: string): string => word(ZONE_KIND, kind);
/** Strong on asphalt and in the dark; the kind stands beside it in words. */
export const ZONE_COLOUR: Record<ZoneKind, string> = {
  no_parking: '#ffb000', no_vending: '#ff6fae', vending_permitted: '#a6e22e', truck_gate: '#00d1ff',
};
export const MASK_COLOUR = '#c4ccd4';

const CLASS = texts({
  person: ['行人', 'Person'],
  two_wheeler: ['两轮车', 'Two-wheeler'],
  car: ['小汽车', 'Car'],
  bus: ['客车', 'Bus'],
  truck: ['货车', 'Lorry'],
  muck_truck: ['渣土车', 'Muck truck'],
  stall: ['摊位', 'Stall'],
  cart: ['推车', 'Cart'],
  canopy: ['遮阳篷', 'Canopy'],
});
export const ALL_CLASSES = Object.keys(CLASS);
export const className = (name: string): string => word(CLASS, name);
/** Classes that a zone of a kind times. */
export const CLASSES_OF: Record<ZoneKind, string[]> = {
  no_parking: ['car', 'bus', 'truck', 'muck_truck'],
  no_vending: ['stall', 'cart', 'canopy'],
  vending_permitted: [],
  truck_gate: [],
};

const JURISDICTION = texts({
  sidewalk: ['人行道（城市管理）', 'Sidewalk (city management)'],
  carriageway: ['车行道（公安交管）', 'Carriageway (traffic police)'],
});
export const JURISDICTIONS = Object.keys(JURISDICTION);
export const jurisdictionName = (code: string): string => word(JURISDICTION, code);

const EVENT = texts({
  fault: ['故障', 'Fault'],
  recovered: ['恢复', 'Recovered'],
  overloaded: ['过载', 'Overloaded'],
  no_longer_overloaded: ['过载解除', 'No longer overloaded'],
  count: ['每小时过车', 'Trucks in an hour'],
  finding: ['发现', 'Finding'],
  failed: ['监看中断', 'Watching broke off'],
  started: ['开始监看', 'Watching began'],
  stopped: ['停止监看', 'Watching ended'],
});
export const EVENT_KINDS = ['fault', 'recovered', 'finding', 'count'] as const;
export const eventName = (kind: string): string => word(EVENT, kind).replaceAll('_', ' ');
