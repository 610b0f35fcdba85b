"""The words of the camera's report, in Chinese and in English, side by side.

Tables of names are looked up by the name that a result uses; a name that is not here is shown as
it is. What camera and survey reports share is in `vision.report_texts`.
"""

from __future__ import annotations

from vision.report_texts import Words

CAMERA_ROLES: dict[str, Words] = {
    "scene_start": Words("进入时全景", "Scene at the start"),
    "scene_end": Words("满时限全景", "Scene when the time was up"),
    "close_up": Words("特写", "Close-up"),
    "load": Words("装载情况", "Load"),
    "load_1": Words("装载情况 1", "Load 1"),
    "load_2": Words("装载情况 2", "Load 2"),
    "load_3": Words("装载情况 3", "Load 3"),
    "clip": Words("视频片段（封存）", "Clip (sealed)"),
    "manifest": Words("证据清单", "Manifest"),
    "sealed_scene_start": Words("进入时全景（封存原件）", "Scene at the start (sealed)"),
    "sealed_scene_end": Words("满时限全景（封存原件）", "Scene when the time was up (sealed)"),
    "sealed_close_up": Words("特写（封存原件）", "Close-up (sealed)"),
    "sealed_scene_of_close_up": Words("特写所在全景（封存原件）", "Scene of the close-up (sealed)"),
    "sealed_load": Words("装载情况（封存原件）", "Load (sealed)"),
    "sealed_load_1": Words("装载情况 1（封存原件）", "Load 1 (sealed)"),
    "sealed_load_2": Words("装载情况 2（封存原件）", "Load 2 (sealed)"),
    "sealed_load_3": Words("装载情况 3（封存原件）", "Load 3 (sealed)"),
}

CAMERA_KINDS: dict[str, Words] = {
    "illegal_parking": Words("疑似机动车乱停放", "Suspected illegal parking"),
    "street_vending": Words("疑似流动摊贩经营", "Suspected street vending"),
    "muck_truck_overload": Words("疑似超载（高尖装载）", "Suspected overload (heaped load)"),
    "muck_truck_uncovered": Words("疑似未密闭运输", "Suspected uncovered load"),
}

CAMERA_MEASURES: dict[str, Words] = {
    "looks": Words("有效观察次数", "Looks at the load"),
    "dwell_s": Words("停留时长", "Dwell"),
    "unseen_s": Words("其中未看清", "Of it unseen"),
    "held_s": Words("因拥堵暂缓判定", "Held back for congestion"),
    "moved_share": Words("停留中的位移（车身）", "Moved while standing (own size)"),
    "trading_share": Words("有人买卖的时间", "Time with trading"),
    "passage_s": Words("通过用时", "Passage"),
    "state_share": Words("装载状态得票", "Votes for the load state"),
    "class_share": Words("渣土车得票", "Votes for muck truck"),
    "plate_confidence": Words("车牌识别置信度", "Sureness of the plate"),
}

CAMERA_ATTRIBUTES: dict[str, Words] = {
    "class": Words("对象", "Object"),
    "direction": Words("方向", "Direction"),
    "load_state": Words("装载状态", "Load state"),
    "congestion": Words("拥堵", "Congestion"),
    "jurisdiction": Words("管辖", "Jurisdiction"),
    "form": Words("摊位形态", "Stall is made of"),
    "state": Words("进展", "Progress"),
    "plate_text": Words("车牌（机器识别）", "Plate (read by machine)"),
    "load_model": Words("装载模型", "Load model"),
    "no_clip": Words("缺少视频片段", "No clip"),
}

CAMERA_VALUES: dict[str, Words] = {
    "person": Words("行人", "person"),
    "two_wheeler": Words("两轮车", "two-wheeler"),
    "car": Words("小汽车", "car"),
    "bus": Words("客车", "bus"),
    "truck": Words("货车", "lorry"),
    "muck_truck": Words("渣土车", "muck truck"),
    "stall": Words("摊位", "stall"),
    "cart": Words("推车", "cart"),
    "canopy": Words("遮阳篷", "canopy"),
    "in": Words("驶入", "in"),
    "out": Words("驶出", "out"),
    "unknown": Words("不明", "unknown"),
    "heaped": Words("高尖装载", "heaped"),
    "level": Words("平装未盖", "level, uncovered"),
    "covered": Words("已密闭", "covered"),
    "empty": Words("空车", "empty"),
    "not_visible": Words("看不到车厢", "not visible"),
    "uncertain": Words("不能判定", "uncertain"),
    "possible": Words("可能", "possible"),
    "sidewalk": Words("人行道（城市管理）", "sidewalk (city management)"),
    "carriageway": Words("车行道（公安交管）", "carriageway (traffic police)"),
    "ongoing": Words("持续中", "ongoing"),
    "ended": Words("已结束", "ended"),
    "nothing_kept": Words("当时没有留存画面", "nothing was kept of that time"),
    "reader_lost": Words(
        "读取进程中断，留存画面丢失", "what was kept was lost as its reader broke down"
    ),
}

CAMERA_RULES: dict[str, Words] = {
    "illegal_parking": Words("违停", "Illegal parking"),
    "street_vending": Words("占道经营", "Street vending"),
    "muck_truck": Words("渣土车卡口", "Muck truck at a gate"),
}

CAMERA_THRESHOLDS: dict[str, Words] = {
    "looks": Words("最少观察次数", "Least looks at the load"),
    "looks_s": Words("最短观察时长", "Least time of looks"),
    "beside_widths": Words("相邻部分间距（宽）", "Gap between parts (widths)"),
    "widest_vendor": Words("单个摊位最大宽度（宽）", "Widest vendor (widths)"),
    "dwell_s": Words("停留时长", "Dwell"),
    "grace_s": Words("容许中断", "Grace gap"),
    "cooldown_s": Words("重复间隔", "Cooldown"),
    "min_height": Words("最小框高（画面比例）", "Least height (of the frame)"),
    "ground_share": Words("落地部分在区域内", "Ground part inside the zone"),
    "active_hours": Words("生效时段", "Active hours"),
    "hold_s": Words("拥堵最长暂缓", "Longest hold for congestion"),
    "queue_others": Words("排队判定的他车数", "Others that make a queue"),
    "trading_share": Words("买卖时间占比", "Share of time with trading"),
    "detected_share": Words("弱目标检出占比", "Share of looks, weakly seen"),
    "weak_score": Words("弱目标得分上限", "Score below which weakly seen"),
    "setting_up_s": Words("出摊准备最长计入", "Longest setting up that counts"),
    "close_widths": Words("人员距摊位（摊宽）", "Person to stall (widths)"),
    "visitor_stay_s": Words(
        "摊旁或伞棚下人员最短停留", "Least stay of a person at a cart or canopy"
    ),
    "class_share": Words("车型得票", "Votes for the class"),
    "state_share": Words("装载状态得票", "Votes for the load state"),
    "moved_sizes": Words("最小行程（车身）", "Least way (own sizes)"),
}

ZONE_KINDS: dict[str, Words] = {
    "no_parking": Words("禁停区", "No parking"),
    "no_vending": Words("禁止摆卖区", "No vending"),
    "vending_permitted": Words("允许摆卖区", "Vending permitted"),
    "truck_gate": Words("工地出入口", "Truck gate"),
}

FAULTS: dict[str, Words] = {
    "offline": Words("离线", "Offline"),
    "refused": Words("拒绝访问", "Access refused"),
    "bad_stream": Words("码流无法解码", "Stream cannot be decoded"),
    "frozen": Words("画面冻结", "Picture frozen"),
    "black": Words("画面全黑", "Picture black"),
    "defocused": Words("画面模糊", "Out of focus"),
    "moved": Words("视角移动", "View moved"),
}

FAULT_ADVICE: dict[str, Words] = {
    "offline": Words(
        "摄像机离线，收不到数据；请检查供电、网络与地址",
        "the camera sends nothing; look for power, network and address",
    ),
    "refused": Words(
        "摄像机拒绝访问；请检查用户名、密码与权限",
        "the camera refuses access; check user, password and rights",
    ),
    "bad_stream": Words(
        "码流无法解码；请检查编码格式与摄像机设置",
        "the stream cannot be decoded; check the camera's coding",
    ),
    "frozen": Words(
        "画面不再变化；请重启摄像机",
        "the picture does not change any more; restart the camera",
    ),
    "black": Words(
        "画面全黑；请检查遮挡、照明与感光元件",
        "the picture is black; look for a cover, a dead lamp or a dead sensor",
    ),
    "defocused": Words(
        "画面失焦；请清洁镜头或重新对焦",
        "the picture lost its sharpness; clean the lens or set the focus",
    ),
    "moved": Words(
        "摄像机视角已改变；请转回原位或重新划定区域",
        "the camera looks somewhere else; turn it back or draw its zones anew",
    ),
}

SOURCE_KINDS: dict[str, Words] = {
    "stream": Words("实时视频流", "live stream"),
    "snapshot": Words("定时抓拍", "snapshots"),
    "file": Words("视频文件", "video file"),
    "stills": Words("图片序列", "folder of stills"),
}

FIGURES: dict[str, Words] = {
    "frames": Words("取用帧数", "Frames taken in"),
    "looked": Words("检测帧数", "Frames looked at"),
    "gated": Words("画面无变化而略过", "Passed over, nothing moved"),
    "blind": Words("故障期间未判定", "Not judged, camera faulty"),
    "served": Words("处理帧数", "Frames served"),
    "replaced": Words("被更新帧替换", "Replaced by newer ones"),
    "sampled_fps": Words("每秒处理帧数", "Frames served a second"),
    "needed_fps": Words("规则所需每秒帧数", "Frames a second the rules need"),
    "sample_step_s": Words("采样间隔", "Sampling step"),
    "lag_p50_s": Words("处理延迟（中位）", "Lag, median"),
    "lag_p95_s": Words("处理延迟（95%）", "Lag, 95th percentile"),
    "decoding": Words("解码方式", "Decoding"),
    "clock_offset_s": Words("设备时钟偏差", "Clock offset of the device"),
    "faults": Words("故障次数", "Faults"),
    "overloaded": Words("过载", "Overloaded"),
    "failed": Words("放弃原因", "Given up because"),
}

FIGURE_VALUES: dict[str, Words] = {
    "key frames": Words("仅关键帧", "key frames"),
    "all frames": Words("全部帧", "all frames"),
}

CAMERA_TEXTS: dict[str, Words] = {
    "camera_report": Words("视频巡查报告", "Camera report"),
    "camera_title": Words("摄像机视频巡查：疑似事件", "One camera: suspected events"),
    "camera_suspected_note": Words(
        "本报告所列事件一律为“疑似”，须经人工核查后方可认定；不含任何重量判断。",
        "Everything listed here is suspected until a person has checked it and decided. Nothing is "
        "said about weights.",
    ),
    "camera_from_to": Words("{first} 至 {last}", "{first} to {last}"),
    "camera_no_span": Words("没有取到画面", "no picture was taken in"),
    "device": Words("设备编号", "Device"),
    "looks": Words("朝向", "Looks"),
    "time_zone": Words("时区", "Time zone"),
    "watched": Words("巡查时长", "Watched"),
    "frames_looked": Words("检测帧数", "Frames looked at"),
    "sampling": Words("采样间隔", "Sampling"),
    "decoding": Words("解码方式", "Decoding"),
    "source": Words("来源", "Source"),
    "events": Words("疑似事件", "Suspected events"),
    "event_count": Words("{count} 起", "{count}"),
    "hours_minutes": Words("{hours} 小时 {minutes} 分", "{hours} h {minutes} min"),
    "minutes_seconds": Words("{minutes} 分 {seconds} 秒", "{minutes} min {seconds} s"),
    "seconds": Words("{seconds} 秒", "{seconds} s"),
    "camera_view": Words("画面与区域", "The view and its zones"),
    "camera_view_note": Words(
        "人脸与车牌已遮挡；点击编号查看事件。",
        "Faces and plates are masked. A number leads to its event.",
    ),
    "no_snapshot": Words("没有画面可显示，只画出区域。", "There is no picture: zones only."),
    "timeline": Words("时间轴", "Timeline"),
    "timeline_note": Words(
        "浅色为计时阶段，深色为达到时限之后；斜纹为摄像机故障。",
        "Light: the time was running. Dark: the time was up. Hatched: the camera was faulty.",
    ),
    "faults_row": Words("摄像机故障", "Camera faults"),
    "event_table": Words("事件清单", "List of events"),
    "zone": Words("区域", "Zone"),
    "began": Words("开始", "Began"),
    "fired": Words("达到时限", "Time was up"),
    "last_seen": Words("最后看到", "Last seen"),
    "dwell": Words("时长", "Lasted"),
    "event_cards": Words("事件详情", "Events in detail"),
    "earlier_left_out": Words(
        "仅展开最近 {count} 起；全部 {total} 起见 findings.jsonl。",
        "The latest {count} are shown in full; all {total} are in findings.jsonl.",
    ),
    "no_previews": Words(
        "没有可显示的图片：证据不在原处或已被删除。",
        "There are no pictures to show: the evidence is not where it was, or was deleted.",
    ),
    "sealed_files": Words("证据文件", "Evidence files"),
    "sealed_hint": Words(
        "封存原件与片段未经遮挡，仅限有权限的人员查看。",
        "Sealed originals and clips are not masked: for authorised staff only.",
    ),
    "play_clip": Words("播放片段（未遮挡，{size}）", "Play the clip (not masked, {size})"),
    "plate_note": Words(
        "车牌由机器识别，须人工核对；预览图中已遮挡。",
        "The plate was read by a machine and has to be checked; it is masked in the pictures.",
    ),
    "no_measures": Words("没有量测值。", "There are no measures."),
    "gates": Words("渣土车通行", "Muck trucks through the gates"),
    "gates_note": Words(
        "按小时统计，最多保留 48 小时；只计数，不代表违规。",
        "By hour, for at most 48 hours. Counting alone says nothing of a violation.",
    ),
    "hour": Words("小时", "Hour"),
    "total": Words("合计", "Total"),
    "faults": Words("摄像机故障", "Camera faults"),
    "no_faults": Words("巡查期间没有发现故障。", "No fault was seen while it was watched."),
    "since": Words("自", "Since"),
    "lasted": Words("持续", "Lasted"),
    "still": Words("仍在持续", "still going on"),
    "message": Words("说明", "What it is"),
    "zones": Words("区域与阈值", "Zones and thresholds"),
    "models": Words("模型", "Models"),
    "no_models": Words("未注明模型。", "No model is stated."),
    "run_figures": Words("运行情况", "How it ran"),
    "always": Words("全天", "always"),
    "by_class": Words("按类别", "By class"),
    "camera_empty_title": Words("未发现疑似事件", "No suspected event"),
    "camera_empty_text": Words(
        "在给定的区域和阈值下，没有需要人工核查的事件。阈值见附录。",
        "Under the given zones and thresholds nothing asks for a person's look. The thresholds "
        "stand in the appendix.",
    ),
}
