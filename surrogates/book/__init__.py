"""Books with surrogates: exposure, allocation, stress, values today with their errors."""

from surrogates.book.book import LearnedBook, training_requests

__all__ = ["LearnedBook", "training_requests"]
