"""How the register's tables came to be, step by step; `service.register.database` takes the steps that are missing."""
