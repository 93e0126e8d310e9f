import chai from 'chai'
import promised from 'chai-as-promised'
import bites from 'chai-bites'
import parentheses from 'chai-parentheses'

// the order matters: chai-as-promised must be the last that changes assertions
chai.use(parentheses)
chai.use(bites)
chai.use(promised)

export const expect = chai.expect
