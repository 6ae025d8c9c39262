"""Who a body is and how it moves: joints, bones, rotations, limits. numpy, or torch where given its tensors."""
