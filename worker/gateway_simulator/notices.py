"""What IB says with the codes of connectivity and data farms."""

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[int, str] = MappingProxyType(
    {
        1100: "Connectivity between IB and Trader Workstation has been lost.",
        1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
        1102: "Connectivity between IB and Trader Workstation has been restored - data maintained.",
        2103: "Market data farm connection is broken:usfarm",
        2104: "Market data farm connection is OK:usfarm",
        2105: "HMDS data farm connection is broken:ushmds",
        2106: "HMDS data farm connection is OK:ushmds",
        2107: "HMDS data farm connection is inactive but should be available upon demand.ushmds",
        2108: "Market data farm connection is inactive but should be available upon demand.usfarm",
        2110: (
            "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
        ),
        2157: "Sec-def data farm connection is broken:secdefil",
        2158: "Sec-def data farm connection is OK:secdefil",
        10182: "Failed to request live updates (disconnected).",
        10197: "No market data during competing live session",
    }
)

LOST, RESTORED_DATA_LOST, RESTORED = 1100, 1101, 1102
AT_LOGIN = (2104, 2106, 2158)


def text(code: int) -> str:
    """IB's words, or nothing for a code that isn't one of these."""
    return TEXTS.get(code, "")
