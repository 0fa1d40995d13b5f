"""The chain as stages with their own derivatives, for products with the Hessian."""
