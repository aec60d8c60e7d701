"""An offline web app with a model: the page is in ``assets/``, the runtime is LiteRT.js."""
