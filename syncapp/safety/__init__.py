"""What stops sync before it does harm, and asks an operator."""
