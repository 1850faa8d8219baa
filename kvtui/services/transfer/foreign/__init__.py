"""What other programs wrote: password managers' exports, and stores that are read through their own tools."""
