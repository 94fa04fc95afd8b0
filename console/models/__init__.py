from console.models.access_key import AccessKey

__all__ = ["AccessKey"]
