"""Orders: as a client places one, and as the gateway reports open and completed ones.

The three tables differ in order and content. A name that stands in several of them means the same in each,
so that a report can be made by copying what the client sent.
"""
# ruff: noqa: RUF009 - only() makes a dataclass field

from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any

from gateway_simulator.wire.conditions import Conditions
from gateway_simulator.wire.contracts import AskedContract, ShownContract
from gateway_simulator.wire.fields import (
    ZERO,
    Flag,
    Int,
    Number,
    OptionalInt,
    OptionalNumber,
    Text,
    UnsetNumber,
    only,
)
from gateway_simulator.wire.layout import Group, Many, Maybe, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class TagValue:
    """A named parameter, of an algorithm for example."""

    tag: Text = ""
    value: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """A leg of a combination order."""

    con_id: Int = 0
    ratio: Int = 0
    action: Text = ""
    exchange: Text = ""
    open_close: Int = 0
    short_sale_slot: Int = 0
    designated_location: Text = ""
    exempt_code: Int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPrice:
    """The price of one leg of a combination order."""

    price: OptionalNumber = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutral:
    """The contract that a delta-neutral order hedges with."""

    con_id: Int = 0
    delta: Number = ZERO
    price: Number = ZERO


Asked = Annotated[AskedContract, Group(AskedContract)]
Shown = Annotated[ShownContract, Group(ShownContract)]
ComboLegs = Annotated[tuple[ComboLeg, ...], Many(Group(ComboLeg))]
LegPrices = Annotated[tuple[LegPrice, ...], Many(Group(LegPrice))]
TagValues = Annotated[tuple[TagValue, ...], Many(Group(TagValue))]
MaybeDeltaNeutral = Annotated[DeltaNeutral | None, Maybe(DeltaNeutral)]


NO_CONTRACT = AskedContract()
NOT_SHOWN = ShownContract()


def _is_combination(order: Any) -> bool:
    return bool(order.contract.sec_type == "BAG")


def _is_scale(order: Any) -> bool:
    return order.scale_price_increment is not None and order.scale_price_increment > 0


def _is_peg_bench(order: Any) -> bool:
    return order.order_type in {"PEG BENCH", "PEGBENCH"}


def _is_peg_best(order: Any) -> bool:
    return order.order_type in {"PEG BEST", "PEGBEST"}


def _is_offset_from_middle(order: Any) -> bool:
    """Of a pegged order: an infinite offset against the best means one from the middle."""
    if _is_peg_best(order):
        return bool(order.compete_against_best_offset == Decimal("Infinity"))
    return order.order_type in {"PEG MID", "PEGMID"}


_is_delta_neutral = attrgetter("delta_neutral_order_type")
_is_hedge = attrgetter("hedge_type")
_is_algo = attrgetter("algo_strategy")
_is_conditional = attrgetter("conditions")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(Message):
    """A new order, or a change to one that is open."""

    code = 3
    order_id: Int = 0
    contract: Asked = NO_CONTRACT
    sec_id_type: Text = ""
    sec_id: Text = ""
    action: Text = ""
    total_quantity: Number = ZERO
    order_type: Text = ""
    lmt_price: OptionalNumber = None
    aux_price: OptionalNumber = None
    tif: Text = ""
    oca_group: Text = ""
    account: Text = ""
    open_close: Text = ""
    origin: Int = 0
    order_ref: Text = ""
    transmit: Flag = True
    parent_id: Int = 0
    block_order: Flag = False
    sweep_to_fill: Flag = False
    display_size: Int = 0
    trigger_method: Int = 0
    outside_rth: Flag = False
    hidden: Flag = False
    combo_legs: ComboLegs = only((), when=_is_combination)
    order_combo_legs: LegPrices = only((), when=_is_combination)
    smart_combo_routing_params: TagValues = only((), when=_is_combination)
    shares_allocation: Text = ""
    discretionary_amt: Number = ZERO
    good_after_time: Text = ""
    good_till_date: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Text = only("", until=176)
    model_code: Text = ""
    short_sale_slot: Int = 0
    designated_location: Text = ""
    exempt_code: Int = -1
    oca_type: Int = 0
    rule_80a: Text = ""
    settling_firm: Text = ""
    all_or_none: Flag = False
    min_qty: OptionalInt = None
    percent_offset: OptionalNumber = None
    e_trade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: OptionalNumber = None
    auction_strategy: Int = 0
    starting_price: OptionalNumber = None
    stock_ref_price: OptionalNumber = None
    delta: OptionalNumber = None
    stock_range_lower: OptionalNumber = None
    stock_range_upper: OptionalNumber = None
    override_percentage_constraints: Flag = False
    volatility: OptionalNumber = None
    volatility_type: OptionalInt = None
    delta_neutral_order_type: Text = ""
    delta_neutral_aux_price: OptionalNumber = None
    delta_neutral_con_id: Int = only(0, when=_is_delta_neutral)
    delta_neutral_settling_firm: Text = only("", when=_is_delta_neutral)
    delta_neutral_clearing_account: Text = only("", when=_is_delta_neutral)
    delta_neutral_clearing_intent: Text = only("", when=_is_delta_neutral)
    delta_neutral_open_close: Text = only("", when=_is_delta_neutral)
    delta_neutral_short_sale: Flag = only(default=False, when=_is_delta_neutral)
    delta_neutral_short_sale_slot: Int = only(0, when=_is_delta_neutral)
    delta_neutral_designated_location: Text = only("", when=_is_delta_neutral)
    continuous_update: Flag = False
    reference_price_type: OptionalInt = None
    trail_stop_price: OptionalNumber = None
    trailing_percent: OptionalNumber = None
    scale_init_level_size: OptionalInt = None
    scale_subs_level_size: OptionalInt = None
    scale_price_increment: OptionalNumber = None
    scale_price_adjust_value: OptionalNumber = only(None, when=_is_scale)
    scale_price_adjust_interval: OptionalInt = only(None, when=_is_scale)
    scale_profit_offset: OptionalNumber = only(None, when=_is_scale)
    scale_auto_reset: Flag = only(default=False, when=_is_scale)
    scale_init_position: OptionalInt = only(None, when=_is_scale)
    scale_init_fill_qty: OptionalInt = only(None, when=_is_scale)
    scale_random_percent: Flag = only(default=False, when=_is_scale)
    scale_table: Text = ""
    active_start_time: Text = ""
    active_stop_time: Text = ""
    hedge_type: Text = ""
    hedge_param: Text = only("", when=_is_hedge)
    opt_out_smart_routing: Flag = False
    clearing_account: Text = ""
    clearing_intent: Text = ""
    not_held: Flag = False
    delta_neutral_contract: MaybeDeltaNeutral = None
    algo_strategy: Text = ""
    algo_params: TagValues = only((), when=_is_algo)
    algo_id: Text = ""
    what_if: Flag = False
    order_misc_options: Text = ""
    solicited: Flag = False
    randomize_size: Flag = False
    randomize_price: Flag = False
    reference_contract_id: Int = only(0, when=_is_peg_bench)
    is_pegged_change_amount_decrease: Flag = only(default=False, when=_is_peg_bench)
    pegged_change_amount: Number = only(ZERO, when=_is_peg_bench)
    reference_change_amount: Number = only(ZERO, when=_is_peg_bench)
    reference_exchange_id: Text = only("", when=_is_peg_bench)
    conditions: Conditions = ()
    conditions_ignore_rth: Flag = only(default=False, when=_is_conditional)
    conditions_cancel_order: Flag = only(default=False, when=_is_conditional)
    adjusted_order_type: Text = ""
    trigger_price: OptionalNumber = None
    lmt_price_offset: OptionalNumber = None
    adjusted_stop_price: OptionalNumber = None
    adjusted_stop_limit_price: OptionalNumber = None
    adjusted_trailing_amount: OptionalNumber = None
    adjustable_trailing_unit: Int = 0
    ext_operator: Text = ""
    soft_dollar_tier_name: Text = ""
    soft_dollar_tier_value: Text = ""
    cash_qty: OptionalNumber = None
    mifid2_decision_maker: Text = ""
    mifid2_decision_algo: Text = ""
    mifid2_execution_trader: Text = ""
    mifid2_execution_algo: Text = ""
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: OptionalInt = None
    duration: OptionalInt = only(None, since=158)
    post_to_ats: OptionalInt = only(None, since=160)
    auto_cancel_parent: Flag = only(default=False, since=162)
    advanced_error_override: Text = only("", since=166)
    manual_order_time: Text = only("", since=169)
    min_trade_qty: OptionalInt = only(
        None, since=170, when=lambda order: order.contract.exchange == "IBKRATS"
    )
    min_compete_size: OptionalInt = only(None, since=170, when=_is_peg_best)
    compete_against_best_offset: OptionalNumber = only(None, since=170, when=_is_peg_best)
    mid_offset_at_whole: OptionalNumber = only(None, since=170, when=_is_offset_from_middle)
    mid_offset_at_half: OptionalNumber = only(None, since=170, when=_is_offset_from_middle)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder(Message):
    """An order that works, or the answer to a what-if order."""

    code = 5
    order_id: Int = 0
    contract: Shown = NOT_SHOWN
    action: Text = ""
    total_quantity: Number = ZERO
    order_type: Text = ""
    lmt_price: Number = ZERO
    aux_price: Number = ZERO
    tif: Text = ""
    oca_group: Text = ""
    account: Text = ""
    open_close: Text = ""
    origin: Int = 0
    order_ref: Text = ""
    client_id: Int = 0
    perm_id: Int = 0
    outside_rth: Flag = False
    hidden: Flag = False
    discretionary_amt: Number = ZERO
    good_after_time: Text = ""
    shares_allocation: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Text = only("", until=176)
    model_code: Text = ""
    good_till_date: Text = ""
    rule_80a: Text = ""
    percent_offset: OptionalNumber = None
    settling_firm: Text = ""
    short_sale_slot: Int = 0
    designated_location: Text = ""
    exempt_code: Int = -1
    auction_strategy: Int = 0
    starting_price: OptionalNumber = None
    stock_ref_price: OptionalNumber = None
    delta: OptionalNumber = None
    stock_range_lower: OptionalNumber = None
    stock_range_upper: OptionalNumber = None
    display_size: Int = 0
    block_order: Flag = False
    sweep_to_fill: Flag = False
    all_or_none: Flag = False
    min_qty: OptionalInt = None
    oca_type: Int = 0
    e_trade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: OptionalNumber = None
    parent_id: Int = 0
    trigger_method: Int = 0
    volatility: OptionalNumber = None
    volatility_type: OptionalInt = None
    delta_neutral_order_type: Text = ""
    delta_neutral_aux_price: OptionalNumber = None
    delta_neutral_con_id: Int = only(0, when=_is_delta_neutral)
    delta_neutral_settling_firm: Text = only("", when=_is_delta_neutral)
    delta_neutral_clearing_account: Text = only("", when=_is_delta_neutral)
    delta_neutral_clearing_intent: Text = only("", when=_is_delta_neutral)
    delta_neutral_open_close: Text = only("", when=_is_delta_neutral)
    delta_neutral_short_sale: Flag = only(default=False, when=_is_delta_neutral)
    delta_neutral_short_sale_slot: Int = only(0, when=_is_delta_neutral)
    delta_neutral_designated_location: Text = only("", when=_is_delta_neutral)
    continuous_update: Flag = False
    reference_price_type: OptionalInt = None
    trail_stop_price: OptionalNumber = None
    trailing_percent: OptionalNumber = None
    basis_points: OptionalNumber = None
    basis_points_type: OptionalInt = None
    combo_legs_description: Text = ""
    combo_legs: ComboLegs = ()
    order_combo_legs: LegPrices = ()
    smart_combo_routing_params: TagValues = ()
    scale_init_level_size: OptionalInt = None
    scale_subs_level_size: OptionalInt = None
    scale_price_increment: OptionalNumber = None
    scale_price_adjust_value: OptionalNumber = only(None, when=_is_scale)
    scale_price_adjust_interval: OptionalInt = only(None, when=_is_scale)
    scale_profit_offset: OptionalNumber = only(None, when=_is_scale)
    scale_auto_reset: Flag = only(default=False, when=_is_scale)
    scale_init_position: OptionalInt = only(None, when=_is_scale)
    scale_init_fill_qty: OptionalInt = only(None, when=_is_scale)
    scale_random_percent: Flag = only(default=False, when=_is_scale)
    hedge_type: Text = ""
    hedge_param: Text = only("", when=_is_hedge)
    opt_out_smart_routing: Flag = False
    clearing_account: Text = ""
    clearing_intent: Text = ""
    not_held: Flag = False
    delta_neutral_contract: MaybeDeltaNeutral = None
    algo_strategy: Text = ""
    algo_params: TagValues = only((), when=_is_algo)
    solicited: Flag = False
    what_if: Flag = False
    status: Text = ""
    init_margin_before: UnsetNumber = None
    maint_margin_before: UnsetNumber = None
    equity_with_loan_before: UnsetNumber = None
    init_margin_change: UnsetNumber = None
    maint_margin_change: UnsetNumber = None
    equity_with_loan_change: UnsetNumber = None
    init_margin_after: UnsetNumber = None
    maint_margin_after: UnsetNumber = None
    equity_with_loan_after: UnsetNumber = None
    commission: OptionalNumber = None
    min_commission: OptionalNumber = None
    max_commission: OptionalNumber = None
    commission_currency: Text = ""
    warning_text: Text = ""
    randomize_size: Flag = False
    randomize_price: Flag = False
    reference_contract_id: Int = only(0, when=_is_peg_bench)
    is_pegged_change_amount_decrease: Flag = only(default=False, when=_is_peg_bench)
    pegged_change_amount: Number = only(ZERO, when=_is_peg_bench)
    reference_change_amount: Number = only(ZERO, when=_is_peg_bench)
    reference_exchange_id: Text = only("", when=_is_peg_bench)
    conditions: Conditions = ()
    conditions_ignore_rth: Flag = only(default=False, when=_is_conditional)
    conditions_cancel_order: Flag = only(default=False, when=_is_conditional)
    adjusted_order_type: Text = ""
    trigger_price: OptionalNumber = None
    adjusted_trail_stop_price: OptionalNumber = None
    lmt_price_offset: OptionalNumber = None
    adjusted_stop_price: OptionalNumber = None
    adjusted_stop_limit_price: OptionalNumber = None
    adjusted_trailing_amount: OptionalNumber = None
    adjustable_trailing_unit: Int = 0
    soft_dollar_tier_name: Text = ""
    soft_dollar_tier_value: Text = ""
    soft_dollar_tier_display_name: Text = ""
    cash_qty: OptionalNumber = None
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: OptionalInt = None
    duration: OptionalInt = only(None, since=158)  # ib_insync looks from 159 on, and skips it in 158
    post_to_ats: OptionalInt = only(None, since=160)
    auto_cancel_parent: Flag = only(default=False, since=162)
    min_trade_qty: OptionalInt = only(None, since=170)
    min_compete_size: OptionalInt = only(None, since=170)
    compete_against_best_offset: OptionalNumber = only(None, since=170)
    mid_offset_at_whole: OptionalNumber = only(None, since=170)
    mid_offset_at_half: OptionalNumber = only(None, since=170)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder(Message):
    """An order of today that has ended; it has no order id and no client id."""

    code = 101
    contract: Shown = NOT_SHOWN
    action: Text = ""
    total_quantity: Number = ZERO
    order_type: Text = ""
    lmt_price: Number = ZERO
    aux_price: Number = ZERO
    tif: Text = ""
    oca_group: Text = ""
    account: Text = ""
    open_close: Text = ""
    origin: Int = 0
    order_ref: Text = ""
    perm_id: Int = 0
    outside_rth: Flag = False
    hidden: Flag = False
    discretionary_amt: Number = ZERO
    good_after_time: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Text = only("", until=176)
    model_code: Text = ""
    good_till_date: Text = ""
    rule_80a: Text = ""
    percent_offset: OptionalNumber = None
    settling_firm: Text = ""
    short_sale_slot: Int = 0
    designated_location: Text = ""
    exempt_code: Int = -1
    starting_price: OptionalNumber = None
    stock_ref_price: OptionalNumber = None
    delta: OptionalNumber = None
    stock_range_lower: OptionalNumber = None
    stock_range_upper: OptionalNumber = None
    display_size: Int = 0
    sweep_to_fill: Flag = False
    all_or_none: Flag = False
    min_qty: OptionalInt = None
    oca_type: Int = 0
    trigger_method: Int = 0
    volatility: OptionalNumber = None
    volatility_type: OptionalInt = None
    delta_neutral_order_type: Text = ""
    delta_neutral_aux_price: OptionalNumber = None
    delta_neutral_con_id: Int = only(0, when=_is_delta_neutral)
    delta_neutral_short_sale: Flag = only(default=False, when=_is_delta_neutral)
    delta_neutral_short_sale_slot: Int = only(0, when=_is_delta_neutral)
    delta_neutral_designated_location: Text = only("", when=_is_delta_neutral)
    continuous_update: Flag = False
    reference_price_type: OptionalInt = None
    trail_stop_price: OptionalNumber = None
    trailing_percent: OptionalNumber = None
    combo_legs_description: Text = ""
    combo_legs: ComboLegs = ()
    order_combo_legs: LegPrices = ()
    smart_combo_routing_params: TagValues = ()
    scale_init_level_size: OptionalInt = None
    scale_subs_level_size: OptionalInt = None
    scale_price_increment: OptionalNumber = None
    scale_price_adjust_value: OptionalNumber = only(None, when=_is_scale)
    scale_price_adjust_interval: OptionalInt = only(None, when=_is_scale)
    scale_profit_offset: OptionalNumber = only(None, when=_is_scale)
    scale_auto_reset: Flag = only(default=False, when=_is_scale)
    scale_init_position: OptionalInt = only(None, when=_is_scale)
    scale_init_fill_qty: OptionalInt = only(None, when=_is_scale)
    scale_random_percent: Flag = only(default=False, when=_is_scale)
    hedge_type: Text = ""
    hedge_param: Text = only("", when=_is_hedge)
    clearing_account: Text = ""
    clearing_intent: Text = ""
    not_held: Flag = False
    delta_neutral_contract: MaybeDeltaNeutral = None
    algo_strategy: Text = ""
    algo_params: TagValues = only((), when=_is_algo)
    solicited: Flag = False
    status: Text = ""
    randomize_size: Flag = False
    randomize_price: Flag = False
    reference_contract_id: Int = only(0, when=_is_peg_bench)
    is_pegged_change_amount_decrease: Flag = only(default=False, when=_is_peg_bench)
    pegged_change_amount: Number = only(ZERO, when=_is_peg_bench)
    reference_change_amount: Number = only(ZERO, when=_is_peg_bench)
    reference_exchange_id: Text = only("", when=_is_peg_bench)
    conditions: Conditions = ()
    conditions_ignore_rth: Flag = only(default=False, when=_is_conditional)
    conditions_cancel_order: Flag = only(default=False, when=_is_conditional)
    adjusted_trail_stop_price: OptionalNumber = None
    lmt_price_offset: OptionalNumber = None
    cash_qty: OptionalNumber = None
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    auto_cancel_date: Text = ""
    filled_quantity: Number = ZERO
    ref_futures_con_id: Int = 0
    auto_cancel_parent: Flag = False
    shareholder: Text = ""
    imbalance_only: Flag = False
    route_marketable_to_bbo: Flag = False
    parent_perm_id: Int = 0
    completed_time: Text = ""
    completed_status: Text = ""
    min_trade_qty: OptionalInt = only(None, since=170)
    min_compete_size: OptionalInt = only(None, since=170)
    compete_against_best_offset: OptionalNumber = only(None, since=170)
    mid_offset_at_whole: OptionalNumber = only(None, since=170)
    mid_offset_at_half: OptionalNumber = only(None, since=170)
