"""The registers there are, and what a row of each must say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Register(StrEnum):
    """A register that a city keeps."""

    UNIT_GRID = "unit_grid"
    BUILDING_PERMITS = "building_permits"
    VENDING_PERMITS = "vending_permits"
    CONSTRUCTION_SITES = "construction_sites"
    MUCK_TRUCKS = "muck_trucks"
    SUPERVISED_OBJECTS = "supervised_objects"


@dataclass(frozen=True)
class Field:
    """A field of a register's rows.

    Attributes:
        name: As we keep it.
        names: Headings under which files may have it, in small letters, the first found counts.
        required: Whether a row without it is refused.
        reads: How its text is read.
    """

    name: str
    names: tuple[str, ...]
    required: bool = False
    reads: Literal["text", "hours", "metres"] = "text"


@dataclass(frozen=True)
class Layout:
    """What a register's rows look like.

    Attributes:
        zh: Its name in Chinese.
        en: Its name in English.
        code: Headings of what identifies a row.
        fields: Further fields.
        shapes: Kinds of geometry that a row may have; empty for a register without.
    """

    zh: str
    en: str
    code: tuple[str, ...]
    fields: tuple[Field, ...]
    shapes: tuple[Literal["Polygon", "Point"], ...]


FROM_NAMES = ("valid_from", "start", "有效期起", "开始日期")
TO_NAMES = ("valid_to", "end", "expires", "有效期止", "结束日期")
NAME_NAMES = ("name", "名称", "title")

LAYOUTS: dict[Register, Layout] = {
    Register.UNIT_GRID: Layout(
        "单元网格", "Unit grid",
        ("code", "cell_code", "bgid", "网格编码", "单元网格编码", "编码", "id"),
        (Field("unit", ("unit", "responsible_unit", "责任单位", "主管单位"), required=True),),
        ("Polygon",),
    ),
    Register.BUILDING_PERMITS: Layout(
        "建设工程许可", "Building permits",
        ("permit_id", "code", "许可证号", "编号", "id"),
        (Field("max_height_m", ("max_height_m", "height", "许可高度"), reads="metres"),),
        ("Polygon",),
    ),
    Register.VENDING_PERMITS: Layout(
        "允许摆卖点", "Licensed vending places",
        ("permit_id", "code", "许可证号", "编号", "id"),
        (Field("hours", ("hours", "经营时段", "时段"), reads="hours"),),
        ("Polygon",),
    ),
    Register.CONSTRUCTION_SITES: Layout(
        "建筑工地", "Construction sites",
        ("site_id", "code", "工地编号", "编号", "id"),
        (Field("builder", ("builder", "施工单位")),),
        ("Polygon",),
    ),
    Register.MUCK_TRUCKS: Layout(
        "核准渣土车", "Permitted muck trucks",
        ("plate", "车牌号", "车牌", "号牌号码"),
        (Field("haulier", ("haulier", "运输企业", "所属企业")),),
        (),
    ),
    Register.SUPERVISED_OBJECTS: Layout(
        "监管对象", "Supervised objects",
        ("object_id", "code", "对象编号", "编号", "id"),
        (Field("type", ("type", "类型", "对象类型")),),
        ("Polygon", "Point"),
    ),
}  # fmt: skip
