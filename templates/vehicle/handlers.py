"""What the car does for each function of api.json: a small in-memory car to begin with.

The code that `octo export --stubs python` writes calls these methods with arguments that obey api.json.
Replace each body with a call to your own car; a function with "confirm" in api.json is asked about before.
"""

from dataclasses import dataclass, field

_VOLUME_STEPS = 5
_LOUDEST = 50
_STATUS = {
    "range": "The car can go another 210 miles",
    "battery": "The battery is at 72 percent",
    "fuel": "The tank is three quarters full",
    "tire_pressure": "All four tires are at 35 psi",
    "oil": "The oil level is fine",
    "mileage": "The odometer shows 18,402 miles",
    "washer_fluid": "The washer fluid is half full",
}


@dataclass
class Handlers:
    """One method for each function; each returns a sentence that says what happened.

    Attributes:
        volume: volume of the sound, 0 to 50.
        temperatures: degrees Fahrenheit by zone.
        seats: how far each seat has been moved, by seat and direction, in millimeters.
        seat_heating: level by seat.
        openings: what is open how far: windows, sunroof and trunks.
        fan_speed: speed of the fan, 0 to 7.
        wipers: mode by wiper.
        defrosting: which glass is being cleared.
        lights: which lights are on.
        destination: where navigation leads, if anywhere.
        playing: what is playing, if anything is.
        charge_limit: how full to charge, in percent.
        charging: whether the car is charging.
        cruise_speed: speed that cruise control holds, in miles per hour.
        cruising: whether cruise control is on.
        locked: whether the doors are locked.
        drive_mode: how the car drives.
    """

    volume: int = 15
    temperatures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("driver", "passenger", "rear"), 70))
    seats: dict[tuple[str, str], int] = field(default_factory=dict)
    seat_heating: dict[str, str] = field(default_factory=dict)
    openings: dict[str, str] = field(default_factory=dict)
    fan_speed: int = 2
    wipers: dict[str, str] = field(default_factory=lambda: {"front": "off", "rear": "off"})
    defrosting: set[str] = field(default_factory=set)
    lights: set[str] = field(default_factory=set)
    destination: str | None = None
    playing: str | None = None
    charge_limit: int = 80
    charging: bool = False
    cruise_speed: int | None = None
    cruising: bool = False
    locked: bool = True
    drive_mode: str = "comfort"

    def adjust_volume(
        self, *, direction: str | None = None, volume_diff: int | None = None, set_value: int | None = None
    ) -> str:
        """Set the volume, or change it by steps."""
        wanted = self.volume if set_value is None else set_value
        if set_value is None and (direction or volume_diff):
            steps = volume_diff or _VOLUME_STEPS
            wanted += -steps if direction == "down" else steps
        self.volume = max(0, min(_LOUDEST, wanted))
        return f"The volume is at {self.volume}."

    def set_climate_temperature(self, *, temperature: int, zone: str | None = None) -> str:
        """Set the temperature of one zone or of all."""
        for name in [zone] if zone else list(self.temperatures):
            self.temperatures[name] = temperature
        return f"Set {f'the {zone} zone' if zone else 'the whole car'} to {temperature} degrees."

    def adjust_seat_position(self, *, position: str, seat: str = "driver", distance: int | None = None) -> str:
        """Move a seat; `distance` is in millimeters."""
        moved = distance or 20
        self.seats[seat, position] = self.seats.get((seat, position), 0) + moved
        return f"Moved the {_words(seat)} seat {position} by {moved} mm."

    def control_window(self, *, position: str, window: str = "front_left", distance: int | None = None) -> str:
        """Move a window up or down; `distance` is in millimeters."""
        far = f"{distance} mm" if distance else "all the way"
        self.openings[f"{window} window"] = f"{position} {far}"
        return f"Moved {'all windows' if window == 'all' else f'the {_words(window)} window'} {position} {far}."

    def operate_sunroof(self, *, action: str, intensity: int | None = None) -> str:
        """Open, close or tilt the sunroof; `intensity` is in percent."""
        far = f"{intensity} percent" if intensity else "all the way"
        self.openings["sunroof"] = f"{action} {far}"
        return f"The sunroof will {action} {far}."

    def set_seat_heating(self, *, seat: str = "driver", level: str = "medium") -> str:
        """Set the heating of a seat."""
        self.seat_heating[seat] = level
        return f"The heating of the {_words(seat)} seat is {'off' if level == 'off' else f'on {level}'}."

    def set_fan_speed(self, *, speed: int) -> str:
        """Set the fan."""
        self.fan_speed = speed
        return f"The fan runs at {speed}." if speed else "The fan is off."

    def set_wipers(self, *, mode: str, wiper: str = "front") -> str:
        """Set a wiper."""
        self.wipers[wiper] = mode
        return f"The {wiper} wipers are {'off' if mode == 'off' else f'on {mode}'}."

    def set_defrost(self, *, glass: str = "windshield", state: str = "on") -> str:
        """Clear a glass, or stop clearing it."""
        _switch(self.defrosting, glass, state)
        return f"The defroster of the {_words(glass)} is {state}."

    def navigate_to(self, *, destination: str, via: str | None = None, avoid: str | None = None) -> str:
        """Start navigation."""
        self.destination = destination
        stop = f" with a stop at {via}" if via else ""
        return f"Navigating to {destination}{stop}{f', avoiding {avoid}' if avoid else ''}."

    def play_media(self, *, title: str, source: str | None = None) -> str:
        """Play something."""
        self.playing = title
        return f"Playing {title}{f' from {_words(source).title()}' if source else ''}."

    def control_playback(self, *, action: str) -> str:
        """Pause, resume, skip or repeat."""
        if self.playing is None:
            return "Nothing is playing."
        if action in ("next", "previous"):
            return f"Went to the {action} track."
        done = {"pause": "Paused", "resume": "Resumed", "repeat": "Repeating"}
        return f"{done[action]} {self.playing}."

    def call_contact(self, *, contact: str, line: str | None = None) -> str:
        """Call a contact."""
        return f"Calling {contact}{f' ({line})' if line else ''}."

    def control_charging(self, *, action: str | None = None, limit: int | None = None) -> str:
        """Start or stop charging, and set how full to charge in percent."""
        if limit is not None:
            self.charge_limit = limit
        if action is not None:
            self.charging = action == "start"
        return f"Charging is {'on' if self.charging else 'off'}, up to {self.charge_limit} percent."

    def control_trunk(self, *, action: str, trunk: str = "rear") -> str:
        """Open or close a trunk."""
        self.openings[f"{trunk} trunk"] = action
        return f"The {trunk} trunk will {action}."

    def set_lights(self, *, light: str, state: str = "on") -> str:
        """Switch lights."""
        _switch(self.lights, light, state)
        return f"The {_words(light)} are {state}."

    def set_cruise_control(self, *, action: str = "set", speed: int | None = None) -> str:
        """Hold a speed in miles per hour, go back to it, or end it."""
        self.cruise_speed = speed or self.cruise_speed
        self.cruising = action != "off"
        if not self.cruising:
            return "Cruise control is off."
        return f"Cruise control holds {f'{self.cruise_speed} mph' if self.cruise_speed else 'the speed of now'}."

    def lock_doors(self, *, locked: bool) -> str:
        """Lock or unlock the doors."""
        self.locked = locked
        return f"The doors are {'locked' if locked else 'unlocked'}."

    def set_drive_mode(self, *, mode: str) -> str:
        """Switch the driving mode."""
        self.drive_mode = mode
        return f"Driving in {_words(mode)} mode."

    def get_vehicle_status(self, *, item: str) -> str:
        """Tell how the car is doing."""
        return f"{_STATUS[item]}."


def _words(value: str) -> str:
    return value.replace("_", " ")


def _switch(running: set[str], name: str, state: str) -> None:
    if state == "on":
        running.add(name)
    else:
        running.discard(name)
