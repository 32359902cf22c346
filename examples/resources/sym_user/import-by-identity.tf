import {
  to = sym_user.nora
  identity = {
    id = "6f1c1c7e-2b54-4c8e-9a70-0d6c1c0a7b11"
  }
}
