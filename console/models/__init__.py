from console.models.access_key import AccessKey
from console.models.installation import Installation
from console.models.operating import Operating

__all__ = ["AccessKey", "Installation", "Operating"]
