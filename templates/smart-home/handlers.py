"""What happens when a function is called: a runnable beginning, to be replaced by calls of your own devices.

The code that `octo export --stubs python` writes calls `Handlers`, one method for each function of `api.json`.
The state here lives in memory; every method answers with one short sentence.
"""

_READINGS = {
    "temperature": "21 degrees", "humidity": "45 percent", "air_quality": "good", "energy_use": "320 watts",
    "co2": "600 ppm", "noise": "35 decibels",
}  # fmt: skip


class Handlers:
    """Acts on the calls; an instance holds the state of one home."""

    def __init__(self) -> None:
        self.devices: dict[tuple[str, str | None], str] = {}
        self.brightness: dict[str | None, int] = {}
        self.colors: dict[str | None, str] = {}
        self.temperature = 20
        self.locked: dict[str, bool] = {}
        self.blinds: dict[str | None, int] = {}
        self.scene: str | None = None
        self.timers: list[tuple[int, str | None]] = []
        self.alarms: list[tuple[str, str, str | None]] = []
        self.vacuum = "dock"
        self.volumes: dict[str, int] = {}
        self.playing: dict[tuple[str, str | None], str] = {}

    def switch_device(self, *, device: str, state: str, room: str | None = None) -> str:
        """Turn a device on or off."""
        before = self.devices.get((device, room))
        self.devices[device, room] = state
        already = "already " if before == state else ""
        return f"{_said(device).capitalize()}{_in(room)}: {already}{state}."

    def set_light_brightness(self, *, level: int, room: str | None = None) -> str:
        """Dim or brighten the lights."""
        self.brightness[room] = level
        return f"The lights{_in(room)} are at {level} percent."

    def set_light_color(self, *, color: str, room: str | None = None) -> str:
        """Change the color of the lights."""
        self.colors[room] = color
        return f"The lights{_in(room)} are {_said(color)}."

    def set_thermostat(self, *, temperature: int, mode: str = "auto") -> str:
        """Set the temperature to hold."""
        change = "up" if temperature > self.temperature else "down" if temperature < self.temperature else "still"
        self.temperature = temperature
        return f"The thermostat is {change} at {temperature} degrees, mode {mode}."

    def set_lock(self, *, door: str, locked: bool) -> str:
        """Lock or unlock a door."""
        self.locked[door] = locked
        return f"The {_said(door)} is {'locked' if locked else 'unlocked'}."

    def set_blinds(self, *, position: int, room: str | None = None) -> str:
        """Move the blinds."""
        self.blinds[room] = position
        return f"The blinds{_in(room)} are {position} percent open."

    def play_scene(self, *, scene: str) -> str:
        """Start a scene."""
        self.scene = scene
        return f"The scene {_said(scene)} is on."

    def set_timer(self, *, duration: int, label: str | None = None) -> str:
        """Start a timer of so many seconds."""
        self.timers.append((duration, label))
        minutes, seconds = divmod(duration, 60)
        return f"A timer{_for(label)} runs for {minutes} min {seconds} s; timers running: {len(self.timers)}."

    def set_alarm(self, *, time: str, label: str | None = None, repeat: str = "once") -> str:
        """Set an alarm."""
        self.alarms.append((time, repeat, label))
        return f"An alarm{_for(label)} rings at {time}, {repeat}."

    def control_vacuum(self, *, action: str, room: str | None = None) -> str:
        """Start, pause or dock the robot vacuum."""
        self.vacuum = action
        said = {"start": f"cleans{_in(room) or ' every room'}", "pause": "is paused", "dock": "goes back to its dock"}
        return f"The vacuum {said[action]}."

    def show_camera(self, *, camera: str, screen: str = "phone") -> str:
        """Show the live picture of a camera."""
        return f"The {_said(camera)} camera is on the {screen}."

    def get_sensor(self, *, sensor: str, room: str | None = None) -> str:
        """Read a sensor."""
        return f"{_said(sensor).capitalize()}{_in(room)}: {_READINGS[sensor]}."

    def set_volume(self, *, level: int, device: str = "tv") -> str:
        """Set how loud a device is."""
        self.volumes[device] = level
        return f"The {device} is at volume {level}."

    def play_media(self, *, title: str, device: str = "speaker", room: str | None = None, shuffle: bool = False) -> str:
        """Play music."""
        self.playing[device, room] = title
        return f"Playing {title} on the {device}{_in(room)}{', shuffled' if shuffle else ''}."


def _said(value: str) -> str:
    return value.replace("_", " ")


def _in(room: str | None) -> str:
    return f" in the {_said(room)}" if room else ""


def _for(label: str | None) -> str:
    return f" for {label}" if label else ""
