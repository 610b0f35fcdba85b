/** What detectors and rules call what they measured, in both languages. */

import { number, percent, duration } from '../../lib/format';
import { texts } from '../../lib/language.svelte';

type Table = Record<string, string>;
const word = (table: Table, code: string): string => table[code] ?? code;

const CUES = texts({
  height: ['高程', 'Height'],
  colour: ['颜色纹理', 'Colour and texture'],
  learned: ['学习模型', 'Learned model'],
  soil: ['裸土', 'Bare soil'],
});
const MEASURES = texts({
  area_m2: ['面积', 'Area'],
  height_gain_m: ['高度增量', 'Height gain'],
  height_loss_m: ['高度减量', 'Height loss'],
  perimeter_m: ['周长', 'Perimeter'],
  length_m: ['长度', 'Length'],
  width_m: ['宽度', 'Width'],
  roughness_m: ['顶面起伏', 'Roughness of the top'],
  exposed_area_m2: ['裸露面积', 'Exposed area'],
  exposed_before_m2: ['其中前期已裸露', 'Of it exposed before'],
  site_exposed_before_m2: ['全场前期裸露', 'Whole site exposed before'],
  site_exposed_after_m2: ['全场后期裸露', 'Whole site exposed after'],
  covered_share: ['防尘网覆盖比例', 'Share under net'],
  distance_to_edge_m: ['距比对范围边界', 'Distance to the edge'],
  distance_to_road_m: ['距最近道路', 'Distance to a road'],
  row_coherence: ['垄向一致性', 'Rows running one way'],
  vegetation_lost_share: ['植被减少比例', 'Vegetation lost'],
  dwell_s: ['停留时长', 'Dwell'],
  unseen_s: ['其中未看清', 'Of it unseen'],
  held_s: ['因拥堵暂缓判定', 'Held for congestion'],
  moved_share: ['停留中的位移（车身）', 'Moved while standing (own size)'],
  trading_share: ['有人买卖的时间', 'Time with trading'],
  passage_s: ['通过用时', 'Passage'],
  looks: ['有效观察次数', 'Looks at the load'],
  state_share: ['装载状态得票', 'Votes for the load state'],
  class_share: ['渣土车得票', 'Votes for muck truck'],
  plate_confidence: ['车牌识别置信度', 'Sureness of the plate'],
});
const ATTRIBUTES = texts({
  form: ['形态', 'Form'],
  trend: ['趋势', 'Trend'],
  state: ['状态', 'State'],
  ground_before: ['前期地类', 'Ground before'],
  ground_after: ['后期地类', 'Ground after'],
  class: ['对象', 'Object'],
  direction: ['方向', 'Direction'],
  load_state: ['装载状态', 'Load state'],
  load_model: ['装载模型', 'Load model'],
  congestion: ['拥堵', 'Congestion'],
  jurisdiction: ['管辖', 'Jurisdiction'],
  plate_text: ['车牌（机器识别）', 'Plate (read by machine)'],
  no_clip: ['缺少视频片段', 'No clip'],
});
const VALUES = texts({
  new: ['新出现', 'new'],
  grew: ['扩大', 'grew'],
  same: ['基本不变', 'much the same'],
  shrank: ['缩小', 'shrank'],
  covered_since: ['已覆盖', 'covered since'],
  exposed: ['裸露', 'exposed'],
  covered: ['已覆盖', 'covered'],
  building: ['地面建筑', 'building on the ground'],
  roof_addition: ['屋顶加建', 'roof-top addition'],
  hard_standing: ['硬化地面', 'hard standing'],
  unknown: ['不能判定', 'cannot be told'],
  ground: ['场地', 'open ground'],
  road: ['道路', 'road'],
  vegetation: ['植被', 'vegetation'],
  bare_soil: ['裸土', 'bare soil'],
  built_or_paved: ['建筑或硬化地面', 'built or paved'],
  mixed: ['混合', 'mixed'],
  person: ['行人', 'person'],
  two_wheeler: ['两轮车', 'two-wheeler'],
  car: ['小汽车', 'car'],
  bus: ['客车', 'bus'],
  truck: ['货车', 'lorry'],
  muck_truck: ['渣土车', 'muck truck'],
  stall: ['摊位', 'stall'],
  cart: ['推车', 'cart'],
  canopy: ['遮阳篷', 'canopy'],
  in: ['驶入', 'in'],
  out: ['驶出', 'out'],
  heaped: ['高尖装载', 'heaped'],
  level: ['平装未盖', 'level, uncovered'],
  empty: ['空车', 'empty'],
  not_visible: ['看不到车厢', 'not visible'],
  uncertain: ['不能判定', 'uncertain'],
  possible: ['可能', 'possible'],
  sidewalk: ['人行道（城市管理）', 'pavement (city management)'],
  carriageway: ['车行道（公安交管）', 'carriageway (traffic police)'],
  ongoing: ['持续中', 'ongoing'],
  ended: ['已结束', 'ended'],
  nothing_kept: ['当时没有留存画面', 'nothing was kept of that time'],
  reader_lost: ['读取进程中断，留存画面丢失', 'what was kept was lost as its reader broke down'],
});
const THRESHOLDS = texts({
  min_area_m2: ['最小面积', 'Least area'],
  min_height_m: ['最小高度变化', 'Least height change'],
  min_score: ['最低得分', 'Least score'],
  looks: ['最少观察次数', 'Least looks at the load'],
  looks_s: ['最短观察时长', 'Least time of looks'],
  beside_widths: ['相邻部分间距（宽）', 'Gap between parts (widths)'],
  widest_vendor: ['单个摊位最大宽度（宽）', 'Widest vendor (widths)'],
  dwell_s: ['停留时限', 'Dwell limit'],
  grace_s: ['容许中断', 'Grace gap'],
  cooldown_s: ['重复间隔', 'Cooldown'],
  min_height: ['最小框高（画面比例）', 'Least height (of the frame)'],
  ground_share: ['落地部分在区域内', 'Ground part inside the zone'],
  hold_s: ['拥堵最长暂缓', 'Longest hold for congestion'],
  queue_others: ['排队判定的他车数', 'Others that make a queue'],
  trading_share: ['买卖时间占比', 'Share of time with trading'],
  detected_share: ['弱目标检出占比', 'Share of looks, weakly seen'],
  weak_score: ['弱目标得分上限', 'Score below which weakly seen'],
  setting_up_s: ['出摊准备最长计入', 'Longest setting up that counts'],
  close_widths: ['人员距摊位（摊宽）', 'Person to stall (widths)'],
  visitor_stay_s: ['摊旁或伞棚下人员最短停留', 'Least stay of a person at a cart or canopy'],
  class_share: ['车型得票', 'Votes for the class'],
  state_share: ['装载状态得票', 'Votes for the load state'],
  moved_sizes: ['最小行程（车身）', 'Least way (own sizes)'],
  active_hours: ['生效时段', 'Active hours'],
});
const PERMIT_NOTES = texts({
  covered: ['许可覆盖该建筑。', 'The permit covers the structure.'],
  beyond_permitted_area: ['超出许可范围。', 'It reaches beyond the permitted area.'],
  not_yet_valid: ['许可尚未生效。', 'The permit is not valid yet.'],
  expired: ['许可已过期。', 'The permit has expired.'],
  higher_than_permitted: ['高度超出许可。', 'It is higher than the permit allows.'],
});
const ACTIONS = texts({
  confirm: ['确认', 'confirmed it'],
  reject: ['排除', 'rejected it'],
  correct: ['修正', 'corrected it'],
  comment: ['备注', 'wrote'],
  undo: ['撤销', 'took a decision back'],
  auto_confirm: ['自动确认', 'confirmed it automatically'],
  reopen: ['重新打开', 'opened it again'],
  expire: ['过期', 'let it expire'],
});

export const cueName = (code: string): string => word(CUES, code);
export const measureName = (code: string): string => word(MEASURES, code);
export const attributeName = (code: string): string => word(ATTRIBUTES, code);
export const valueName = (code: string): string => word(VALUES, code);
export const thresholdName = (code: string): string => word(THRESHOLDS, code);
export const permitNote = (code: string): string => word(PERMIT_NOTES, code);
export const actionName = (code: string): string => word(ACTIONS, code);

const UNITS: Record<string, string> = { m2: 'm²', m: 'm', '1': '' };

/** A measured value with its unit; the name's ending says whether a bare number is a share. */
export function quantity(name: string, value: number, unit: string): string {
  if (unit === 's') return duration(value);
  if (unit === '1' && (name.endsWith('_share') || name.endsWith('_confidence'))) return percent(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${number(value, digits)} ${UNITS[unit] ?? unit}`.trim();
}

/** The value of a threshold; its unit is in its name. */
export function thresholdValue(name: string, value: unknown): string {
  if (typeof value !== 'number') return String(value);
  const ending = /_(m2|m|s)$/.exec(name)?.[1];
  return quantity(name, value, ending ?? '1');
}
