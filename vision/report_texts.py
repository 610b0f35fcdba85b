"""The words of the reports, in Chinese and in English, side by side.

Every entry carries both languages, so neither can be forgotten. Tables of names (measures,
attributes, options) are looked up by the name that a result uses; a name that is not here is
shown as it is.
"""

from __future__ import annotations

from typing import NamedTuple

from vision.finding import Assessment, FindingKind


class Words(NamedTuple):
    """One text in both languages; ``{name}`` is filled in where a template says so."""

    zh: str
    en: str


KINDS: dict[FindingKind, Words] = {
    FindingKind.NEW_STRUCTURE: Words("新增建筑物", "New structure"),
    FindingKind.REMOVED_STRUCTURE: Words("拆除建筑物", "Removed structure"),
    FindingKind.LAND_CLEARING: Words("推填土", "Land clearing"),
    FindingKind.DUST_HOTSPOT: Words("裸土扬尘点", "Dust hotspot"),
    FindingKind.ILLEGAL_PARKING: Words("机动车乱停放", "Illegal parking"),
    FindingKind.STREET_VENDING: Words("流动摊贩经营", "Street vending"),
    FindingKind.MUCK_TRUCK_OVERLOAD: Words("渣土车高尖装载", "Muck truck, heaped load"),
    FindingKind.MUCK_TRUCK_UNCOVERED: Words("渣土车未密闭", "Muck truck, uncovered"),
}

ASSESSMENTS: dict[Assessment, Words] = {
    Assessment.SUSPECTED: Words("疑似", "Suspected"),
    Assessment.PERMITTED: Words("有许可", "Permitted"),
}

CUES: dict[str, Words] = {
    "height": Words("高程", "Height"),
    "colour": Words("颜色纹理", "Colour"),
    "learned": Words("学习模型", "Learned"),
    "soil": Words("裸土", "Soil"),
}

ROLES: dict[str, Words] = {
    "before": Words("前期正射影像", "Earlier orthophoto"),
    "after": Words("后期正射影像", "Later orthophoto"),
    "before_dsm": Words("前期表面模型", "Earlier surface model"),
    "after_dsm": Words("后期表面模型", "Later surface model"),
    "height": Words("高度变化图", "Height change"),
}

OVERLAY: dict[str, Words] = {
    "time": Words("时间", "Time"),
    "place": Words("地点", "Place"),
    "direction": Words("方向", "Direction"),
    "device": Words("设备编号", "Device"),
    "zone": Words("区域", "Zone"),
    "code": Words("防伪码", "Code"),
}

MEASURES: dict[str, Words] = {
    "area_m2": Words("面积", "Area"),
    "height_gain_m": Words("高度增量", "Height gain"),
    "height_loss_m": Words("高度减量", "Height loss"),
    "perimeter_m": Words("周长", "Perimeter"),
    "length_m": Words("长度", "Length"),
    "width_m": Words("宽度", "Width"),
    "roughness_m": Words("顶面起伏", "Roughness of the top"),
    "exposed_area_m2": Words("裸露面积", "Exposed area"),
    "exposed_before_m2": Words("其中前期已裸露", "Of it exposed before"),
    "site_exposed_before_m2": Words("全场前期裸露", "Whole site exposed before"),
    "site_exposed_after_m2": Words("全场后期裸露", "Whole site exposed after"),
    "covered_share": Words("防尘网覆盖比例", "Share under net"),
    "distance_to_edge_m": Words("距比对范围边界", "Distance to the area's edge"),
    "distance_to_road_m": Words("距最近道路", "Distance to the nearest road"),
    "row_coherence": Words("垄向一致性", "Rows running one way"),
    "vegetation_lost_share": Words("植被减少比例", "Vegetation lost"),
    "dwell_s": Words("停留时长", "Dwell"),
}

ATTRIBUTES: dict[str, Words] = {
    "form": Words("形态", "Form"),
    "trend": Words("趋势", "Trend"),
    "state": Words("覆盖状态", "State"),
    "ground_before": Words("前期地类", "Ground before"),
    "ground_after": Words("后期地类", "Ground after"),
}

ATTRIBUTE_VALUES: dict[str, Words] = {
    "new": Words("新出现", "new"),
    "grew": Words("扩大", "grew"),
    "same": Words("基本不变", "much the same"),
    "shrank": Words("缩小", "shrank"),
    "covered_since": Words("已覆盖", "covered since"),
    "exposed": Words("裸露", "exposed"),
    "covered": Words("已覆盖", "covered"),
    "building": Words("地面建筑", "building on the ground"),
    "roof_addition": Words("屋顶加建", "roof-top addition"),
    "hard_standing": Words("硬化地面", "hard standing"),
    "unknown": Words("不能判定", "cannot be told"),
    "ground": Words("场地", "open ground"),
    "road": Words("道路", "road"),
    "vegetation": Words("植被", "vegetation"),
    "bare_soil": Words("裸土", "bare soil"),
    "built_or_paved": Words("建筑或硬化地面", "built or paved"),
    "mixed": Words("混合", "mixed"),
}

PERMIT_NOTES: dict[str, Words] = {
    "covered": Words("许可覆盖该建筑。", "The permit covers the structure."),
    "beyond_permitted_area": Words(
        "超出许可范围。", "The structure reaches beyond the permitted area."
    ),
    "not_yet_valid": Words("许可尚未生效。", "The permit is not valid yet."),
    "expired": Words("许可已过期。", "The permit has expired."),
    "higher_than_permitted": Words(
        "高度超出许可。", "The structure is higher than the permit allows."
    ),
}

OPTIONS: dict[str, Words] = {
    "working_gsd_m": Words("工作分辨率", "Working pixel size"),
    "min_area_m2": Words("建筑物最小面积", "Smallest structure"),
    "min_height_m": Words("最小新增高度", "Least new height"),
    "min_dust_area_m2": Words("裸土点最小面积", "Smallest dust hotspot"),
    "min_clearing_area_m2": Words("推填土最小面积", "Smallest land clearing"),
    "min_score": Words("最低得分", "Least score"),
    "max_shift_m": Words("最大位移", "Largest shift"),
    "max_residual_px": Words("最大配准残差", "Largest alignment residual"),
    "force_alignment": Words("未匹配时仍比对", "Compare even if not matched"),
    "permit_date": Words("许可核对日期", "Permits must be valid on"),
    "tile_px": Words("处理窗口边长", "Side of a processing window"),
    "workers": Words("线程数（0 为每核一个）", "Threads (0: one a core)"),
    "max_pixels": Words("像素上限", "Most pixels"),
    "max_side_px": Words("最大边长", "Longest side"),
    "max_bands": Words("波段上限", "Most bands"),
    "max_file_bytes": Words("文件大小上限", "Largest file"),
    "max_block_bytes": Words("数据块上限", "Largest block"),
    "max_expansion": Words("解压倍数上限", "Largest expansion"),
}

THRESHOLDS: dict[str, Words] = {
    "min_area_m2": Words("最小面积", "Least area"),
    "min_height_m": Words("最小高度变化", "Least height change"),
    "min_score": Words("最低得分", "Least score"),
    "dwell_s": Words("停留时长", "Dwell"),
}

TIMINGS: dict[str, Words] = {
    "open": Words("打开", "Open"),
    "read": Words("读取", "Read"),
    "align": Words("配准", "Align"),
    "normalise": Words("归一化", "Normalise"),
    "change": Words("变化检测", "Change"),
    "findings": Words("图斑判定", "Findings"),
    "pictures": Words("图片", "Pictures"),
    "write": Words("写出", "Write"),
    "total": Words("合计", "Total"),
}

TEXTS: dict[str, Words] = {
    # The frame that every report shares.
    "brand": Words("城眼 CityEye", "CityEye"),
    "language": Words("语言", "Language"),
    "footer_offline": Words(
        "本文件自成一体，图片均已内嵌，打开时不访问任何网络地址。",
        "This file is complete in itself: its pictures are inside, and it asks no network address.",
    ),
    "footer_made": Words("由 CityEye {version} 生成于 {time}", "Made by CityEye {version}, {time}"),
    "yes": Words("是", "yes"),
    "no": Words("否", "no"),
    "none": Words("无", "none"),
    "not_stated": Words("未注明", "not stated"),
    "default": Words("默认", "default"),
    # Header.
    "survey_report": Words("航测对比报告", "Survey comparison"),
    "survey_title": Words("两期航测疑似变化图斑", "Suspected changes between two surveys"),
    "earlier": Words("前期", "Earlier"),
    "later": Words("后期", "Later"),
    "compared_area": Words("比对面积", "Compared area"),
    "hectares": Words("{value} 公顷", "{value} ha"),
    "working_gsd": Words("工作分辨率", "Working GSD"),
    "file_gsd": Words("分辨率 {value}", "GSD {value}"),
    "no_date": Words("未注明日期", "no date stated"),
    "working_crs": Words("坐标系", "Coordinate system"),
    "cues_used": Words("所用线索", "Cues used"),
    "findings": Words("图斑", "Findings"),
    "finding_count": Words("{count} 个", "{count}"),
    "suspected_note": Words(
        "本报告所列图斑一律为“疑似”，须经人工核查后方可认定。",
        "Everything listed here is suspected until a person has checked it and decided.",
    ),
    "filter_hint": Words("点击可筛选", "Click to filter"),
    "show_permitted": Words("显示有许可的", "Show permitted"),
    "unmatched_title": Words(
        "两期影像未能匹配，本次为强制比对", "The surveys do not match: this comparison was forced"
    ),
    "unmatched_text": Words(
        "未找到可靠的配准，直接采用了文件自带的地理坐标。下列图斑可能只是影像错位所致，"
        "位置、面积和高差均不可靠；请先核对两期影像的坐标系和控制点，再使用本报告。",
        "No trustworthy alignment was found, so the georeference of the files was used as it is. "
        "Findings may be nothing but the two pictures being out of place; positions, areas and "
        "heights cannot be relied on. Check the reference system and the control points of both "
        "surveys before this report is used.",
    ),
    # Overview map.
    "map": Words("总览图", "Overview"),
    "map_note": Words(
        "底图为后期影像；拖动分隔线可对照前期。点击编号查看图斑。",
        "The later survey; drag the divider to see the earlier one. A number leads to its finding.",
    ),
    "map_note_plain": Words(
        "底图为后期影像；可切换为前期。点击编号查看图斑。",
        "The later survey; switch to see the earlier one. A number leads to its finding.",
    ),
    "show_later": Words("后期", "Later"),
    "show_earlier": Words("前期", "Earlier"),
    "area_outline": Words("比对范围", "Area of interest"),
    "permitted_legend": Words("白底编号：有许可", "White number: permitted"),
    # Findings.
    "table": Words("图斑清单", "List of findings"),
    "number": Words("编号", "No."),
    "kind": Words("类型", "Kind"),
    "score": Words("得分", "Score"),
    "status": Words("状态", "Status"),
    "position": Words("经度, 纬度", "Longitude, latitude"),
    "cards": Words("图斑详情", "Findings in detail"),
    "show_outlines": Words("显示轮廓", "Show outlines"),
    "outline_hint": Words(
        "指针移到图上时轮廓隐去，可看清地面。",
        "The outline steps aside while the pointer is on a picture.",
    ),
    "height_difference": Words("高差", "Height difference"),
    "no_pictures": Words("此图斑没有图片。", "There are no pictures of this finding."),
    "measures": Words("量测", "Measures"),
    "evidence": Words("线索概率", "What the cues say"),
    "no_cues": Words("没有线索分项。", "No breakdown by cue."),
    "permit": Words("许可核对", "Permit"),
    "permit_valid": Words("有效", "valid"),
    "permit_invalid": Words("无效", "not valid"),
    "permit_covers": Words("覆盖轮廓的 {share}", "covers {share} of the outline"),
    "height_column": Words("高度变化", "Height change"),
    "rule": Words("规则与阈值", "Rule and thresholds"),
    "model": Words("模型", "Model"),
    "seen": Words("时间", "Time"),
    "seen_between": Words("{first} 至 {last}", "{first} to {last}"),
    "id": Words("标识", "Id"),
    "to_map": Words("回到总览图", "Back to the map"),
    "empty_title": Words("未发现疑似变化", "No suspected change"),
    "empty_text": Words(
        "在给定阈值下，两期影像之间没有需要人工核查的图斑。所用阈值见附录。",
        "Under the given thresholds nothing between the two surveys asks for a person's look. "
        "The thresholds stand in the appendix.",
    ),
    # Ground.
    "ground": Words("地表概况", "The ground in total"),
    "bare_soil": Words("裸露土地", "Bare soil"),
    "vegetation": Words("植被", "Vegetation"),
    "net_covered": Words("防尘网覆盖", "Under dust net"),
    # Alignment.
    "alignment": Words("配准质量", "Alignment"),
    "alignment_text": Words(
        "比对之前，前期影像已校正到后期影像上。下列数值说明校正了多少、还剩多少误差。",
        "Before anything was compared, the earlier survey was laid onto the later one. These "
        "numbers say how much was corrected and what error is left.",
    ),
    "matched": Words("已匹配", "Matched"),
    "unmatched": Words("未匹配", "Not matched"),
    "offset": Words("平移", "Offset"),
    "offset_value": Words("{total}（东 {x}，北 {y}）", "{total} (east {x}, north {y})"),
    "rotation": Words("旋转", "Rotation"),
    "scale": Words("尺度", "Scale"),
    "tie_points": Words("连接点", "Tie points"),
    "kept_of": Words("采用 {kept}，共尝试 {tried}", "{kept} kept of {tried} tried"),
    "residual": Words("残差 RMSE", "Residual RMSE"),
    "residual_value": Words("{metres}（{pixels} 像素）", "{metres} ({pixels} px)"),
    "local_warp": Words("最大局部校正", "Largest local warp"),
    "vectors": Words("连接点位移", "Tie-point displacement"),
    "vectors_text": Words(
        "已减去公共平移，箭头放大 {factor} 倍。过长的箭头截短。",
        "The common offset is taken away; arrows are drawn {factor} times longer. "
        "Very long ones are cut short.",
    ),
    "no_vectors": Words("没有连接点。", "There are no tie points."),
    "kept": Words("采用", "kept"),
    "rejected": Words("剔除", "rejected"),
    "height_datum": Words("高程基准", "Height datum"),
    "datum_text": Words(
        "比较高度之前，已扣除两个表面模型之间的整体差异。",
        "The overall difference of the two surface models was removed before heights were "
        "compared.",
    ),
    "datum_none": Words(
        "没有两期表面模型，高度未参与判断。",
        "There were no two surface models: height took no part.",
    ),
    "datum_offset": Words("高程平移", "Offset"),
    "tilt": Words("倾斜", "Tilt"),
    "tilt_value": Words("东 {x}，北 {y}（米/千米）", "east {x}, north {y} m/km"),
    "noise": Words("噪声（标准差）", "Noise (standard deviation)"),
    "stable": Words("稳定地面", "Stable ground"),
    "stable_value": Words("{share}，{samples} 个样本", "{share} of {samples} samples"),
    # Appendix.
    "appendix": Words("附录", "Appendix"),
    "inputs": Words("输入文件", "Inputs"),
    "size": Words("大小", "Size"),
    "grid": Words("像素 · 波段 · 类型", "Pixels · bands · type"),
    "crs": Words("坐标系", "Coordinates"),
    "taken": Words("拍摄时间", "Taken"),
    "options": Words("所用设置", "Options used"),
    "timings": Words("用时", "Timings"),
    "versions": Words("软件版本", "Versions"),
    "ran": Words("运行", "Run"),
    "started": Words("开始", "Started"),
    "finished": Words("结束", "Finished"),
    "working_grid": Words("工作格网", "Working grid"),
}
