def all_of_it():
    pass
