"""What more than one side of a call needs; imports none of the other packages."""
