"""What is computed: models as affine maps and activations, and each activation's relaxation."""
