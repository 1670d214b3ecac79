"""What the app does for each function of api.json: a small in-memory phone and home to begin with.

The code that `octo export --stubs python` writes calls these methods with arguments that obey api.json.
Replace each body with a call to your own app; a function with "confirm" in api.json is asked about before.
"""

from dataclasses import dataclass, field


@dataclass
class Handlers:
    """One method for each function; each returns a sentence that says what happened.

    Attributes:
        photos: photos taken so far, newest last.
        outbox: emails and text messages sent so far.
        contacts: phone numbers by name.
        alarms: labels by time.
        events: calendar entries.
        volumes: volume by type, 0 to 10.
        brightness: brightness of the screen, 0 to 10.
        connected: name of the Bluetooth device, if there is one.
        do_not_disturb: whether interruptions are held back.
        temperature: what the thermostat holds, in degrees Fahrenheit.
        playing: what runs on the Nest Hub, if anything does.
        locked: whether the front door is locked.
    """

    photos: list[str] = field(default_factory=list)
    outbox: list[str] = field(default_factory=list)
    contacts: dict[str, str] = field(default_factory=dict)
    alarms: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    volumes: dict[str, int] = field(default_factory=lambda: {"ring": 5, "media": 5, "alarm": 5})
    brightness: int = 5
    connected: str | None = None
    do_not_disturb: bool = False
    temperature: float = 70
    playing: str | None = None
    locked: bool = True

    def take_a_photo(self, *, camera: str = "back", resolution: str = "1080p") -> str:
        """Take a photo."""
        self.photos.append(f"{camera} camera, {resolution}")
        return f"Took photo {len(self.photos)} with the {camera} camera in {resolution}."

    def get_trending_news(
        self,
        *,
        query: str | None = None,
        language: str = "english",
        region: str = "united_states",
        max_results: int = 5,
    ) -> str:
        """Look up news."""
        topic = f" about {query}" if query else ""
        return f"Here are {max_results} {_title(language)} stories{topic} from {_title(region)}."

    def get_weather_forecast(self, *, location: str | None = None, days: int = 1) -> str:
        """Look up the weather."""
        return f"The forecast for {location or 'your place'}, {_count(days, 'day')}: mild and dry."

    def send_email(
        self,
        *,
        recipient: str,
        subject: str | None = None,
        body: str | None = None,
        attachments: list[str] | None = None,
        cc: str | None = None,
        bcc: str | None = None,
    ) -> str:
        """Send an email."""
        copies = f" with copies to {' and '.join(name for name in (cc, bcc) if name)}" if cc or bcc else ""
        files = f", attached {', '.join(attachments)}" if attachments else ""
        self.outbox.append(f"To {recipient}: {subject or 'no subject'}. {body or ''}".strip())
        return f"Sent the email {subject or 'without a subject'} to {recipient}{copies}{files}."

    def search_youtube_videos(self, *, query: str, max_results: int = 10, search_filter: str = "relevance") -> str:
        """Search YouTube."""
        return f"Found {_count(max_results, 'video')} for {query}, sorted by {search_filter.replace('_', ' ')}."

    def find_route_google_maps(self, *, destination: str, origin: str | None = None, mode: str = "driving") -> str:
        """Find a route."""
        return f"Showing the way from {origin or 'here'} to {destination}, {mode}."

    def check_nest_smoke_detector_status(self) -> str:
        """Ask the smoke detector."""
        return "The smoke detector works, its battery is good, and it senses no smoke."

    def send_text_message(self, *, contact_name: str, message: str) -> str:
        """Send a text message."""
        self.outbox.append(f"To {contact_name}: {message}")
        return f"Sent to {contact_name}: {message}"

    def make_phone_call(self, *, phone_number: str | None = None, contact_name: str | None = None) -> str:
        """Call a number or a contact."""
        if phone_number:
            return f"Calling {phone_number}."
        if contact_name:
            return f"Calling {contact_name} at {self.contacts.get(contact_name, 'the number in your phone book')}."
        return "Opened the dialer."

    def create_contact(self, *, name: str, phone_number: str) -> str:
        """Save a contact."""
        self.contacts[name] = phone_number
        return f"Saved {name} with the number {phone_number}."

    def set_timer_alarm(self, *, time: str, label: str = "alarm") -> str:
        """Set an alarm."""
        self.alarms[time] = label
        return f"Set {label} for {time}."

    def change_screen_brightness(self, *, level: int) -> str:
        """Set the brightness of the screen."""
        before, self.brightness = self.brightness, level
        return f"Changed the brightness from {before} to {level}."

    def create_calendar_event(
        self, *, title: str, start_time: str, date: str | None = None, end_time: str | None = None
    ) -> str:
        """Put an event on the calendar."""
        until = f" to {end_time}" if end_time else ""
        event = f"{title}, {date or 'today'}, {start_time}{until}"
        self.events.append(event)
        return f"Added to the calendar: {event}."

    def set_volume(self, *, level: int, volume_type: str = "media") -> str:
        """Set a volume."""
        self.volumes[volume_type] = level
        return f"Set the {volume_type} volume to {level}."

    def connect_to_bluetooth_device(self, *, device_name: str, timeout: int = 10) -> str:
        """Connect to a Bluetooth device; `timeout` is in seconds."""
        self.connected = device_name
        return f"Connected to {device_name} within {_count(timeout, 'second')}."

    def enable_do_not_disturb(self, *, enabled: bool) -> str:
        """Switch do not disturb."""
        self.do_not_disturb = enabled
        return f"Do not disturb is {'on' if enabled else 'off'}."

    def set_nest_temperature(self, *, target_temperature: float) -> str:
        """Set the thermostat, in degrees Fahrenheit."""
        self.temperature = target_temperature
        return f"The thermostat holds {target_temperature:g} degrees."

    def play_music_on_nest_hub(self, *, music_name: str, music_service: str | None = None) -> str:
        """Play music."""
        return self._play(music_name, music_service)

    def play_video_on_nest_hub(self, *, video_name: str, video_service: str | None = None) -> str:
        """Play a video."""
        return self._play(video_name, video_service)

    def open_or_lock_door(self, *, status: str) -> str:
        """Open or lock the front door."""
        self.locked = status == "lock"
        return f"The front door is {'locked' if self.locked else 'open'}."

    def _play(self, name: str, service: str | None) -> str:
        source = f" from {_title(service)}" if service else ""
        self.playing = name
        return f"Playing {name}{source} on the Nest Hub."


def _title(value: str) -> str:
    return value.replace("_", " ").title()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
