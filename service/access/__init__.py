"""Who may use the service and how much: keys, rates, quotas, and where they are kept.

No web framework, no event loop, no settings: `service.api.access` is what meets requests.
"""
