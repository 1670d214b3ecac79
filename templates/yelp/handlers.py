"""What happens when a function is called: a runnable beginning, to be replaced by calls of your own service.

The code that `octo export --stubs python` writes calls `Handlers`, one method for each function of `api.json`.
The state here lives in memory; every method answers with one short sentence.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Business:
    """A business as the listing has it."""

    name: str
    category: str
    area: str
    miles: float
    price: str
    opens: str
    closes: str
    closed_on: tuple[str, ...] = ()
    amenities: tuple[str, ...] = ()
    open_now: bool = True


@dataclass(frozen=True)
class Booking:
    """A table that is booked."""

    restaurant: str
    party_size: int
    time: str
    date: str


_BUSINESSES = (
    Business("Nopa Grill", "restaurant", "downtown", 0.8, "moderate", "11:00", "23:00", (), ("parking", "takeout")),
    Business("Blue Door Cafe", "coffee_shop", "Union Square", 0.3, "cheap", "07:00", "18:00", ("sunday",), ("wifi",)),
    Business("Bright Smile Dental", "dentist", "Oakland", 2.5, "moderate", "08:00", "17:00", ("saturday", "sunday")),
    Business("Sushi Zen", "sushi", "downtown", 1.2, "expensive", "17:00", "22:00", ("monday",), (), open_now=False),
)


class Handlers:
    """Acts on the calls; an instance holds one user's bookings, bookmarks, reviews and visits."""

    def __init__(self) -> None:
        self.bookings: list[Booking] = []
        self.bookmarks: dict[str, list[str]] = {}
        self.reviews: dict[str, list[tuple[int, str]]] = {"nopa grill": [(5, "great brunch"), (2, "slow service")]}
        self.waitlists: dict[str, int] = {}
        self.visits: list[str] = []

    def search_businesses(
        self,
        *,
        category: str,
        near: str | None = None,
        max_miles: int | None = None,
        price: str | None = None,
        open_now: bool = False,
    ) -> str:
        """Name the businesses that fit every wish."""
        found = [
            b.name
            for b in _BUSINESSES
            if b.category == category
            and (near is None or near.lower() in b.area.lower())
            and (max_miles is None or b.miles <= max_miles)
            and price in (None, b.price)
            and (b.open_now or not open_now)
        ]
        where = f" near {near}" if near else ""
        kind = category.replace("_", " ")
        return f"Found{where}: {', '.join(found)}." if found else f"Found no {kind}{where}."

    def read_reviews(self, *, business: str, sort_by: str | None = None, about: str | None = None) -> str:
        """Read out what customers wrote; the newest stands last in the list."""
        rows = [r for r in self.reviews.get(business.lower(), []) if (about or "").lower() in r[1].lower()]
        if sort_by in ("highest", "lowest"):
            rows = sorted(rows, key=lambda row: row[0], reverse=sort_by == "highest")
        elif sort_by == "newest":
            rows = rows[::-1]
        if not rows:
            return f"Nobody has written that about {business} yet."
        return f"{business}: " + "; ".join(f"{stars} stars, {text or 'no words'}" for stars, text in rows) + "."

    def book_table(
        self, *, restaurant: str, party_size: int, time: str, date: str | None = None, seating: str | None = None
    ) -> str:
        """Book a table."""
        booking = Booking(restaurant, party_size, time, date or "today")
        self.bookings.append(booking)
        where = f", seated {seating.replace('_', ' ')}" if seating else ""
        return f"Booked {restaurant} for {party_size}, {booking.date} at {time}{where}."

    def cancel_booking(self, *, restaurant: str | None = None) -> str:
        """Cancel the latest booking, or the latest one at a restaurant."""
        wanted = (restaurant or "").lower()
        booking = next((b for b in reversed(self.bookings) if wanted in b.restaurant.lower()), None)
        if booking is None:
            return "There is no such booking."
        self.bookings.remove(booking)
        return f"Cancelled the table at {booking.restaurant} at {booking.time}."

    def check_opening_hours(self, *, business: str, day: str | None = None) -> str:
        """Tell when a business opens and closes."""
        known = _find(business)
        if known is None:
            return f"{business} has not given its hours."
        if day in known.closed_on:
            return f"{known.name} is closed on {day}."
        return f"{known.name} is open from {known.opens} to {known.closes}{f' on {day}' if day else ''}."

    def check_facilities(self, *, business: str, amenity: str) -> str:
        """Tell whether a business has something."""
        known = _find(business)
        words = amenity.replace("_", " ")
        if known is None:
            return f"{business} has not said anything about {words}."
        return f"{known.name}, {words}: {'yes' if amenity in known.amenities else 'no'}."

    def show_photos(self, *, business: str, kind: str | None = None) -> str:
        """Show photos of a business."""
        return f"Showing {kind or 'all'} photos of {business}."

    def get_directions(self, *, destination: str, mode: str | None = None, origin: str | None = None) -> str:
        """Show the way to a business."""
        return f"The way from {origin or 'here'} to {destination}{f', {mode}' if mode else ''}."

    def call_business(self, *, business: str) -> str:
        """Call a business."""
        return f"Calling {business}."

    def bookmark_business(self, *, business: str, folder: str | None = None) -> str:
        """Keep a business on a list."""
        name = folder or "saved places"
        kept = self.bookmarks.setdefault(name, [])
        if business in kept:
            return f"{business} is on {name} already."
        kept.append(business)
        return f"Put {business} on {name}."

    def write_review(self, *, business: str, rating: int, text: str | None = None) -> str:
        """Publish a review."""
        self.reviews.setdefault(business.lower(), []).append((rating, text or ""))
        return f"Published your review of {business}: {rating} out of 5{f', {text}' if text else ''}."

    def join_waitlist(self, *, restaurant: str, party_size: int) -> str:
        """Get in line at a restaurant."""
        self.waitlists[restaurant] = party_size
        return f"You are in line at {restaurant}, a party of {party_size}."

    def log_visit(self, *, business: str, comment: str | None = None) -> str:
        """Check in at a business."""
        self.visits.append(business)
        words = f": {comment}" if comment else ""
        return f"Checked in at {business}{words}. Visit number {self.visits.count(business)}."


def _find(name: str) -> Business | None:
    return next((b for b in _BUSINESSES if name.lower() in b.name.lower()), None)
