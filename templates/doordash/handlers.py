"""What happens when a function is called: a runnable beginning, to be replaced by calls of your own service.

The code that `octo export --stubs python` writes calls `Handlers`, one method for each function of `api.json`.
The state here lives in memory; every method answers with one short sentence.
"""

from collections import Counter
from dataclasses import dataclass

_PRICE = 9.50  # one price for every dish, until there is a real menu


@dataclass(frozen=True)
class Restaurant:
    """A restaurant that delivers."""

    name: str
    cuisine: str
    minutes: int
    rating: float
    delivery_fee: float
    menu: dict[str, tuple[str, ...]]


@dataclass
class Order:
    """An order that was placed."""

    restaurant: str
    items: Counter[str]
    status: str = "being cooked"


_RESTAURANTS = (
    Restaurant("Golden Wok", "chinese", 35, 4.6, 0.0, {"mains": ("kung pao shrimp",), "starters": ("egg rolls",)}),
    Restaurant("Casa Lupita", "mexican", 25, 4.8, 1.99, {"mains": ("chicken burrito",), "desserts": ("churros",)}),
    Restaurant("Taj Kitchen", "indian", 40, 4.3, 0.0, {"mains": ("butter chicken",), "drinks": ("mango lassi",)}),
)


class Handlers:
    """Acts on the calls; an instance holds one user's cart and orders."""

    def __init__(self) -> None:
        self.cart: Counter[str] = Counter()
        self.restaurant = ""
        self.promo_code = ""
        self.orders: list[Order] = []
        self.messages: list[str] = []

    def find_restaurants(
        self,
        *,
        cuisine: str | None = None,
        max_minutes: int | None = None,
        rating: float | None = None,
        free_delivery: bool = False,
    ) -> str:
        """Name the restaurants that fit every wish."""
        found = [
            r.name
            for r in _RESTAURANTS
            if (cuisine is None or r.cuisine == cuisine)
            and (max_minutes is None or r.minutes <= max_minutes)
            and (rating is None or r.rating >= rating)
            and not (free_delivery and r.delivery_fee)
        ]
        return f"Open now: {', '.join(found)}." if found else "No restaurant fits."

    def show_menu(self, *, restaurant: str, section: str | None = None) -> str:
        """List the dishes of a restaurant, or of one section of its menu."""
        known = next((r for r in _RESTAURANTS if r.name.lower() == restaurant.lower()), None)
        if known is None:
            return f"{restaurant} has sent no menu yet."
        dishes = [dish for name, dishes in known.menu.items() if section in (None, name) for dish in dishes]
        return f"{known.name} has {', '.join(dishes) or 'nothing in that section'}."

    def add_to_cart(
        self,
        *,
        item: str,
        quantity: int = 1,
        size: str | None = None,
        restaurant: str | None = None,
        special_request: str | None = None,
    ) -> str:
        """Put a dish into the cart."""
        self.restaurant = restaurant or self.restaurant
        name = " ".join(filter(None, (size, item)))
        if special_request:
            name += f" ({special_request})"
        self.cart[name] += quantity
        return f"Added {quantity} x {name}."

    def remove_from_cart(self, *, item: str, quantity: int | None = None) -> str:
        """Take a dish out of the cart, or some of it."""
        name = next((name for name in self.cart if item.lower() in name.lower()), None)
        if name is None:
            return f"Not in the cart: {item}."
        taken = min(quantity or self.cart[name], self.cart[name])
        self.cart[name] -= taken
        self.cart += Counter()  # drops what is down to zero
        return f"Took out {taken} x {name}."

    def show_cart(self) -> str:
        """Tell what is in the cart and what it comes to."""
        if not self.cart:
            return "The cart is empty."
        return f"In the cart: {_listed(self.cart)}. That comes to ${self.cart.total() * _PRICE:.2f}."

    def place_order(
        self, *, deliver_at: str | None = None, payment: str | None = None, contactless: bool | None = None
    ) -> str:
        """Turn the cart into an order."""
        if not self.cart:
            return "There is nothing in the cart to order."
        order = Order(self.restaurant or "the restaurant", self.cart)
        self.orders.append(order)
        self.cart, self.restaurant, self.promo_code = Counter(), "", ""
        how = [f"paid by {payment.replace('_', ' ')}"] if payment else []
        if contactless is not None:
            how.append("left at the door" if contactless else "handed over in person")
        return f"Ordered {_listed(order.items)}{', '.join([_when(deliver_at), *how])}."

    def track_order(self, *, restaurant: str | None = None) -> str:
        """Tell how far an order is."""
        order = self._latest(restaurant)
        return f"The order from {order.restaurant} is {order.status}." if order else "There is no such order."

    def cancel_order(self, *, restaurant: str | None = None, reason: str | None = None) -> str:
        """Cancel an order that is still on its way."""
        order = self._latest(restaurant, but="cancelled")
        if order is None:
            return "There is no order to cancel."
        order.status = "cancelled"
        why = f" Reason: {reason.replace('_', ' ')}." if reason else ""
        return f"Cancelled the order from {order.restaurant}.{why}"

    def add_tip(self, *, amount: float) -> str:
        """Add a tip for the driver."""
        return f"Tipped the driver ${amount:.2f}."

    def reorder(self, *, restaurant: str | None = None, deliver_at: str | None = None) -> str:
        """Place an earlier order once more."""
        order = self._latest(restaurant)
        if order is None:
            return "There is no earlier order to repeat."
        self.orders.append(Order(order.restaurant, order.items.copy()))
        return f"Ordered {_listed(order.items)} again{_when(deliver_at)}."

    def start_group_order(self, *, restaurant: str, budget: float | None = None, deadline: str | None = None) -> str:
        """Open a cart to which other people may add."""
        self.cart, self.restaurant = Counter(), restaurant
        limit = f", ${budget:.2f} each" if budget is not None else ""
        until = f", open until {deadline}" if deadline else ""
        return f"Started a group order at {restaurant}{limit}{until}."

    def apply_promo_code(self, *, code: str) -> str:
        """Keep a promo code for the checkout."""
        self.promo_code = code
        return f"The code {code} is on the cart."

    def contact_driver(self, *, message: str | None = None, method: str = "text") -> str:
        """Write to the driver, or call."""
        if method == "call":
            return "Calling the driver."
        if message is None:
            return "What should the driver know?"
        self.messages.append(message)
        return f"Told the driver: {message}."

    def rate_order(self, *, rating: int, restaurant: str | None = None, comment: str | None = None) -> str:
        """Rate an order that has arrived."""
        whose = f"the order from {restaurant}" if restaurant else "your last order"
        words = f' "{comment}"' if comment else ""
        return f"Gave {whose} {rating} out of 5.{words}"

    def _latest(self, restaurant: str | None, but: str = "") -> Order | None:
        wanted = (restaurant or "").lower()
        return next((o for o in reversed(self.orders) if wanted in o.restaurant.lower() and o.status != but), None)


def _listed(items: Counter[str]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in items.items())


def _when(deliver_at: str | None) -> str:
    return f" for {deliver_at}" if deliver_at else " as soon as possible"
