"""What this app does with a call: a toy home in memory. One method for each function, its arguments by keyword."""

_READINGS = {
    "temperatur": "21,5 Grad", "luftfeuchtigkeit": "48 Prozent", "luftqualitaet": "gut",
    "stromverbrauch": "430 Watt", "co2": "610 ppm", "laerm": "38 Dezibel",
}  # fmt: skip


class Handlers:
    """A home that remembers what it was told."""

    def __init__(self) -> None:
        self.devices: dict[tuple[str, str | None], str] = {}
        self.levels: dict[str, int] = {}
        self.colors: dict[str | None, str] = {}
        self.locked: dict[str, bool] = {}
        self.timers: list[tuple[int, str | None]] = []
        self.alarms: list[tuple[str, str, str | None]] = []

    def switch_device(self, *, device: str, state: str, room: str | None = None) -> str:
        """Turn a device on or off."""
        before = self.devices.get((device, room))
        self.devices[device, room] = state
        return f"{device}{_in(room)}: {'schon ' if before == state else ''}{state}."

    def set_light_brightness(self, *, level: int, room: str | None = None) -> str:
        """Dim or brighten the lights."""
        self.levels[f"licht{_in(room)}"] = level
        return f"Licht{_in(room)}: {level} Prozent."

    def set_light_color(self, *, color: str, room: str | None = None) -> str:
        """Change the color of the lights."""
        self.colors[room] = color
        return f"Licht{_in(room)}: {color}."

    def set_thermostat(self, *, temperature: int, mode: str = "automatik") -> str:
        """Set the temperature to hold."""
        self.levels["temperatur"] = temperature
        return f"Heizung: {temperature} Grad, {mode}."

    def set_lock(self, *, door: str, locked: bool) -> str:
        """Lock or unlock a door."""
        self.locked[door] = locked
        return f"{door}: {'abgeschlossen' if locked else 'aufgeschlossen'}."

    def set_blinds(self, *, position: int, room: str | None = None) -> str:
        """Move the blinds."""
        self.levels[f"rollladen{_in(room)}"] = position
        return f"Rollläden{_in(room)}: {position} Prozent offen."

    def play_scene(self, *, scene: str) -> str:
        """Start a scene."""
        return f"Szene: {scene}."

    def set_timer(self, *, duration: int, label: str | None = None) -> str:
        """Start a timer of so many seconds."""
        self.timers.append((duration, label))
        minutes, seconds = divmod(duration, 60)
        return f"Timer{_for(label)}: {minutes} min {seconds} s, {len(self.timers)} laufen."

    def set_alarm(self, *, time: str, label: str | None = None, repeat: str = "einmal") -> str:
        """Set an alarm."""
        self.alarms.append((time, repeat, label))
        return f"Wecker{_for(label)}: {time}, {repeat}."

    def control_vacuum(self, *, action: str, room: str | None = None) -> str:
        """Start, pause or dock the robot vacuum."""
        return f"Saugroboter{_in(room)}: {action}."

    def get_sensor(self, *, sensor: str, room: str | None = None) -> str:
        """Read a sensor."""
        return f"{sensor}{_in(room)}: {_READINGS[sensor]}."

    def set_volume(self, *, level: int, device: str = "fernseher") -> str:
        """Set how loud a device is."""
        self.levels[device] = level
        return f"{device}: Lautstärke {level}."

    def play_media(
        self, *, title: str, device: str = "lautsprecher", room: str | None = None, shuffle: bool = False
    ) -> str:
        """Play music."""
        self.devices[device, room] = title
        return f"{title} läuft auf {device}{_in(room)}{', gemischt' if shuffle else ''}."


def _in(room: str | None) -> str:
    return f" ({room})" if room else ""


def _for(label: str | None) -> str:
    return f" für {label}" if label else ""
